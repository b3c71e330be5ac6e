//! Real data, read from the files beside this one: `LICENSES.md` names their sources.

use super::Table;

/// Columns of whole numbers of `width` bytes each, little-endian, then one byte a row for its class. The numbers of a
/// column are to be divided by ten to the power of its `decimals`.
fn table(bytes: &[u8], rows: usize, width: usize, decimals: &[i32], classes: usize) -> Table {
    let columns = decimals.len();
    let (numbers, labels) = bytes.split_at(rows * columns * width);
    let mut features = vec![0.0; rows * columns];
    for (at, number) in numbers.chunks_exact(width).enumerate() {
        let (column, row) = (at / rows, at % rows);
        let whole = number.iter().rev().fold(0_u32, |whole, &byte| whole << 8 | u32::from(byte));
        // Both are exact, so the quotient is the decimal number as a parser would round it.
        features[row * columns + column] = f64::from(whole) / crate::math::powi(10.0, decimals[column]);
    }
    Table { columns, features, labels: labels.iter().map(|&label| usize::from(label)).collect(), classes }
}

/// 1,797 handwritten digits: 64 grey levels from 0 (paper) to 16 (ink), by rows of the 8 x 8 image, in ten classes.
/// The test set of UCI's *Optical Recognition of Handwritten Digits* (Alpaydin and Kaynak 1998, CC BY 4.0).
pub fn digits() -> Table {
    table(include_bytes!("digits.bin"), 1797, 1, &[0; 64], 10)
}

/// 150 irises: sepal length and width, petal length and width in cm, of *setosa*, *versicolor* and *virginica*, fifty
/// each (Fisher 1936, UCI's *Iris*, CC BY 4.0).
pub fn iris() -> Table {
    table(include_bytes!("iris.bin"), 150, 1, &[1; 4], 3)
}

/// 178 wines from three growers: alcohol, malic acid, ash, alkalinity of ash, magnesium, phenols, flavanoids,
/// nonflavanoid phenols, proanthocyanins, colour intensity, hue, OD280/OD315 and proline (Aeberhard and Forina 1992,
/// UCI's *Wine*, CC BY 4.0).
pub fn wine() -> Table {
    table(include_bytes!("wine.bin"), 178, 3, &[2, 2, 2, 1, 0, 2, 2, 2, 2, 6, 3, 2, 0], 3)
}

/// 569 tumours, malignant (0) or benign (1): mean, error and worst value of ten properties of the cell nuclei (Wolberg,
/// Mangasarian and Street 1993, UCI's *Breast Cancer Wisconsin (Diagnostic)*, CC BY 4.0).
pub fn breast_cancer() -> Table {
    let decimals = [3, 2, 2, 1, 5, 5, 7, 6, 4, 5, 4, 4, 4, 3, 6, 6, 7, 6, 6, 7, 3, 2, 2, 1, 5, 5, 6, 6, 4, 5];
    table(include_bytes!("breast_cancer.bin"), 569, 3, &decimals, 2)
}

/// The first two chapters of *Alice's Adventures in Wonderland* (Lewis Carroll 1865, public domain): 22,052 characters
/// of 40 kinds, in lower case, one paragraph a line.
pub fn alice() -> &'static str {
    include_str!("alice.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums, counts and corners as scikit-learn gives them (`tests/reference/data.py` prints the sums).
    #[test]
    fn the_tables_are_those_of_scikit_learn() {
        for (table, counts, sum) in [
            (digits(), &[178, 182, 177, 183, 181, 182, 181, 179, 174, 180][..], 561_718.0),
            (iris(), &[50, 50, 50], 2078.7),
            (wine(), &[59, 71, 48], 159_975.295_999),
            (breast_cancer(), &[212, 357], 1_056_474.459_636),
        ] {
            let mut found = vec![0; table.classes];
            table.labels.iter().for_each(|&label| found[label] += 1);
            assert_eq!(found, counts);
            assert_eq!(table.features.len(), table.rows() * table.columns);
            assert!((table.features.iter().sum::<f64>() - sum).abs() < 1e-6);
        }
        assert_eq!(digits().row(0)[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
        assert_eq!(iris().row(149), [5.9, 3.0, 5.1, 1.8]);
        assert_eq!(wine().row(0)[..5], [14.23, 1.71, 2.43, 15.6, 127.0]);
        assert_eq!(breast_cancer().row(0)[..5], [17.99, 10.38, 122.8, 1001.0, 0.1184]);
        assert_eq!(breast_cancer().row(568)[29], 0.07039);
    }

    #[test]
    fn the_text_has_few_kinds_of_characters() {
        let mut kinds: Vec<char> = alice().chars().collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!((alice().len(), kinds.len()), (22_052, 40));
    }
}

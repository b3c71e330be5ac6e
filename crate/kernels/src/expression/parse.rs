//! From text to postfix code: a lexer and a parser by binding power (Pratt, "Top down operator precedence", 1973).

use super::function::{Binary, FUNCTIONS, Unary};
use super::{DEPTH, Op, ParseError};
use crate::math::{E, PI};

/// The most operations in a formula.
const LENGTH: usize = 4096;

type Result<T> = std::result::Result<T, ParseError>;

fn fail<T>(at: usize, message: impl Into<String>) -> Result<T> {
    Err(ParseError { message: message.into(), at })
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    /// One of `+ - * / ^ ( ) ,`.
    Sign(char),
    End,
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Number(number) => format!("'{number}'"),
            Self::Name(name) => format!("'{name}'"),
            Self::Sign(sign) => format!("'{sign}'"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Cuts the text into tokens, each with its position.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>> {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(&char) = chars.get(at) {
        let start = at;
        at += 1;
        let token = match char {
            _ if char.is_whitespace() => continue,
            '*' if chars.get(at) == Some(&'*') => {
                at += 1;
                Token::Sign('^')
            }
            '+' | '-' | '*' | '/' | '^' | '(' | ')' | ',' => Token::Sign(char),
            '−' => Token::Sign('-'),
            '·' | '×' => Token::Sign('*'),
            '÷' => Token::Sign('/'),
            '²' | '³' => {
                found.push((Token::Sign('^'), start));
                Token::Number(if char == '²' { 2.0 } else { 3.0 })
            }
            'π' => Token::Name("pi".to_owned()),
            '0'..='9' | '.' => {
                at = start;
                while digit(at) {
                    at += 1;
                }
                if chars.get(at) == Some(&'.') {
                    at += 1;
                    while digit(at) {
                        at += 1;
                    }
                }
                // An exponent, but only if it has digits: 2e is twice Euler's number.
                if matches!(chars.get(at), Some('e' | 'E')) {
                    let sign = usize::from(matches!(chars.get(at + 1), Some('+' | '-')));
                    if digit(at + 1 + sign) {
                        at += 1 + sign;
                        while digit(at) {
                            at += 1;
                        }
                    }
                }
                if chars.get(at) == Some(&'.') {
                    return fail(at, "a number has one decimal point");
                }
                let written: String = chars[start..at].iter().collect();
                match written.parse::<f64>() {
                    Ok(number) if number.is_finite() => Token::Number(number),
                    Ok(_) => return fail(start, format!("'{written}' is too large a number")),
                    Err(_) => return fail(start, format!("'{written}' is no number")),
                }
            }
            _ if char.is_alphabetic() || char == '_' => {
                while chars.get(at).is_some_and(|c| (c.is_alphanumeric() && !"²³π".contains(*c)) || *c == '_') {
                    at += 1;
                }
                Token::Name(chars[start..at].iter().collect())
            }
            '=' => return fail(start, "a formula has no '='; write what the function equals"),
            _ => return fail(start, format!("a formula has no '{char}'")),
        };
        found.push((token, start));
    }
    found.push((Token::End, chars.len()));
    Ok(found)
}

/// How tightly the signs bind.
const SUM: u8 = 1;
const PRODUCT: u8 = 3;
const MINUS: u8 = 5;
const POWER: u8 = 7;

struct Parser<'a> {
    tokens: Vec<(Token, usize)>,
    next: usize,
    variables: &'a [&'a str],
    code: Vec<Op>,
    depth: usize,
}

/// Reads a formula.
pub(super) fn parse(text: &str, variables: &[&str]) -> Result<Vec<Op>> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, variables, code: Vec::new(), depth: 0 };
    if *parser.peek() == Token::End {
        return fail(parser.at(), "the formula is empty");
    }
    parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(parser.code),
        Token::Sign(')') => fail(parser.at(), "this ')' was never opened"),
        other => fail(parser.at(), format!("{} cannot stand here", other.shown())),
    }
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        // The last token is the end, and it is never passed.
        &self.tokens[self.next].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    fn take(&mut self) -> (Token, usize) {
        let taken = self.tokens[self.next].clone();
        if taken.0 != Token::End {
            self.next += 1;
        }
        taken
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = *self.peek() == Token::Sign(sign);
        if there {
            self.next += 1;
        }
        there
    }

    fn emit(&mut self, op: Op) -> Result<()> {
        if self.code.len() == LENGTH {
            return fail(self.at(), format!("the formula is too long: more than {LENGTH} operations"));
        }
        self.code.push(op);
        Ok(())
    }

    /// What binds at least as tightly as `least`. Each call leaves one value on the stack and holds at most one more
    /// while it recurses, so the depth of the recursion bounds the stack.
    fn expression(&mut self, least: u8) -> Result<()> {
        if self.depth == DEPTH {
            return fail(self.at(), format!("the formula nests too deep: more than {DEPTH} levels"));
        }
        self.depth += 1;
        self.operand()?;
        loop {
            let (operation, left, right, signed) = match self.peek() {
                Token::Sign('+') => (Binary::Add, SUM, SUM + 1, true),
                Token::Sign('-') => (Binary::Subtract, SUM, SUM + 1, true),
                Token::Sign('*') => (Binary::Multiply, PRODUCT, PRODUCT + 1, true),
                Token::Sign('/') => (Binary::Divide, PRODUCT, PRODUCT + 1, true),
                // To the right: 2^3^2 is 2^9, and 2^-x needs no parentheses.
                Token::Sign('^') => (Binary::Power, POWER, MINUS, true),
                Token::Name(_) | Token::Sign('(') => (Binary::Multiply, PRODUCT, PRODUCT + 1, false),
                _ => break,
            };
            if left < least {
                break;
            }
            if signed {
                self.take();
            }
            self.expression(right)?;
            self.emit(Op::Binary(operation))?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn operand(&mut self) -> Result<()> {
        let (token, at) = self.take();
        match token {
            Token::Number(number) => self.emit(Op::Number(number)),
            Token::Sign('-') => {
                self.expression(MINUS)?;
                self.emit(Op::Unary(Unary::Negate))
            }
            Token::Sign('+') => self.expression(MINUS),
            Token::Sign('(') => {
                self.expression(0)?;
                self.close(at)
            }
            Token::Name(name) => self.name(&name, at),
            Token::End => fail(at, "the formula ends where a number, a name or '(' should follow"),
            Token::Sign(sign) => fail(at, format!("a number, a name or '(' should stand here, not '{sign}'")),
        }
    }

    fn close(&mut self, opened: usize) -> Result<()> {
        if self.takes(')') {
            return Ok(());
        }
        match self.peek() {
            Token::End => fail(opened, "this '(' is never closed"),
            other => fail(self.at(), format!("')' should stand here, not {}", other.shown())),
        }
    }

    fn name(&mut self, name: &str, at: usize) -> Result<()> {
        if let Some(index) = self.variables.iter().position(|variable| *variable == name) {
            return self.emit(Op::Variable(index));
        }
        match name {
            "pi" => return self.emit(Op::Number(PI)),
            "e" => return self.emit(Op::Number(E)),
            _ => {}
        }
        let (one, two) = (Unary::named(name), Binary::named(name));
        if one.is_none() && two.is_none() {
            return fail(at, self.unknown(name));
        }
        let opened = self.at();
        if !self.takes('(') {
            return fail(at, format!("{name} needs its argument in parentheses: {name}(…)"));
        }
        self.expression(0)?;
        if let Some(function) = one {
            if *self.peek() == Token::Sign(',') {
                return fail(self.at(), format!("{name} takes one argument"));
            }
            self.emit(Op::Unary(function))?;
        }
        if let Some(function) = two {
            if !self.takes(',') {
                return fail(at, format!("{name} takes two arguments: {name}(a, b)"));
            }
            self.expression(0)?;
            self.emit(Op::Binary(function))?;
            while function.chains() && self.takes(',') {
                self.expression(0)?;
                self.emit(Op::Binary(function))?;
            }
            if *self.peek() == Token::Sign(',') {
                return fail(self.at(), format!("{name} takes two arguments"));
            }
        }
        self.close(opened)
    }

    fn unknown(&self, name: &str) -> String {
        let letters: Vec<String> = name.chars().map(String::from).collect();
        let known = |letter: &String| self.variables.contains(&letter.as_str()) || letter == "e";
        if letters.len() > 1 && letters.iter().all(known) {
            return format!("there is no '{name}'; for a product write {}", letters.join("*"));
        }
        let variables = self.variables.join(", ");
        format!("there is no '{name}'; a formula has {variables}, pi, e and {}", FUNCTIONS.join(", "))
    }
}

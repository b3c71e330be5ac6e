//! `#[derive(Controls)]` and `#[derive(Choice)]`: see `orrery_core::control`, which documents their use.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Fields, Ident, Lit, LitStr, Meta, Result, Token, parse_macro_input,
};

/// A struct whose fields are controls.
#[proc_macro_derive(Controls, attributes(control))]
pub fn controls(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand_controls(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// An enum the visitor chooses from.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand_choice(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// `key` or `key = value` in `#[control(...)]`.
struct Key {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { name, value })
    }
}

fn expand_controls(input: &DeriveInput) -> Result<Tokens> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.span(), "controls are the fields of a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(input.span(), "controls are named fields"));
    };
    let name = &input.ident;
    let (mut specs, mut kinds, mut defaults, mut names, mut types) = (vec![], vec![], vec![], vec![], vec![]);
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        let ty = &field.ty;
        let attribute = field.attrs.iter().find(|attribute| attribute.path().is_ident("control"));
        let attribute = attribute
            .ok_or_else(|| Error::new(ident.span(), "a control needs #[control(label = \"…\", default = …)]"))?;
        let keys = attribute.parse_args_with(Punctuated::<Key, Token![,]>::parse_terminated)?;

        let (mut label, mut default, mut unit, mut live, mut when) = (None, None, quote!(None), false, quote!(None));
        let mut kind = quote!(<#ty as ::orrery_core::control::Control>::Spec::default());
        for Key { name, value } in keys {
            match (name.to_string().as_str(), value) {
                ("label", Some(value)) => label = Some(value),
                ("default", Some(value)) => default = Some(value),
                ("unit", Some(value)) => unit = quote!(Some(#value)),
                ("live", None) => live = true,
                ("when", Some(Expr::Tuple(condition))) if condition.elems.len() == 2 => {
                    let (control, values) = (&condition.elems[0], &condition.elems[1]);
                    let values = match values {
                        Expr::Array(_) => quote!(&#values),
                        one => quote!(&[#one]),
                    };
                    when = quote!(Some((#control, #values)));
                }
                ("size", Some(Expr::Tuple(sides))) => {
                    let sides = sides.elems;
                    kind = quote!(#kind.size(#sides));
                }
                (_, Some(value)) => kind = quote!(#kind.#name(#value)),
                (_, None) => kind = quote!(#kind.#name()),
            }
        }
        let label = label.ok_or_else(|| Error::new(attribute.span(), "a control needs a label"))?;
        let default = default.ok_or_else(|| Error::new(attribute.span(), "a control needs a default"))?;
        let outside = ident.to_string().replace('_', "-");
        let help = documentation(&field.attrs);
        if help.is_empty() {
            return Err(Error::new(ident.span(), "a control needs a documentation comment: it is the help text"));
        }
        specs.push(quote!(::orrery_core::control::Spec {
            name: #outside.to_owned(),
            label: #label,
            help: #help.to_owned(),
            unit: #unit,
            live: #live,
            when: #when,
            kind: <#ty as ::orrery_core::control::Control>::kind(#kind),
            default: ::orrery_core::serde_json::Value::Null,
        }));
        kinds.push(kind);
        defaults.push(default);
        names.push(ident);
        types.push(ty);
    }
    let index = 0..names.len();
    Ok(quote! {
        impl Default for #name {
            fn default() -> Self {
                Self { #(#names: #defaults,)* }
            }
        }

        impl ::orrery_core::control::Controls for #name {
            fn specs() -> Vec<::orrery_core::control::Spec> {
                vec![#(#specs,)*]
            }

            fn values(&self) -> Vec<::orrery_core::serde_json::Value> {
                vec![#(::orrery_core::control::Control::to_json(&self.#names),)*]
            }

            fn assign(
                &mut self,
                index: usize,
                value: &::orrery_core::serde_json::Value,
            ) -> ::core::result::Result<(), String> {
                match index {
                    #(#index => self.#names = <#types as ::orrery_core::control::Control>::from_json(value, &#kinds)?,)*
                    _ => {}
                }
                Ok(())
            }
        }
    })
}

fn expand_choice(input: &DeriveInput) -> Result<Tokens> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.span(), "a choice is an enum"));
    };
    let name = &input.ident;
    let mut options = vec![];
    for variant in &data.variants {
        let attribute = variant.attrs.iter().find(|attribute| attribute.path().is_ident("choice"));
        let attribute =
            attribute.ok_or_else(|| Error::new(variant.span(), "an option needs its label: #[choice(\"…\")]"))?;
        let label: LitStr = attribute.parse_args()?;
        let ident = &variant.ident;
        let outside = hyphenated(&ident.to_string());
        options.push(quote!((Self::#ident, #outside, #label)));
    }
    Ok(quote! {
        impl ::orrery_core::control::Choice for #name {
            const OPTIONS: &'static [(Self, &'static str, &'static str)] = &[#(#options,)*];
        }
    })
}

/// `StandardMap` as `standard-map`.
fn hyphenated(name: &str) -> String {
    let mut outside = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            outside.push('-');
        }
        outside.extend(letter.to_lowercase());
    }
    outside
}

/// The documentation comment, its lines joined.
fn documentation(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join(" ").trim().to_owned()
}

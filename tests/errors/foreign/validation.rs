//! What the `validate` of `validator` and `garde` returns.

use resilience::{Alert, Classify, Problem, ServiceError};

#[derive(Debug, thiserror::Error, ServiceError)]
enum SignUpError {
    #[error(transparent)]
    #[service(transparent)]
    Validator(#[from] validator::ValidationErrors),
    #[error(transparent)]
    #[service(transparent)]
    Garde(#[from] garde::Report),
}

#[track_caller]
fn assert_invalid(error: &SignUpError, expected: &[(&str, &str)]) {
    let class = error.classify();
    assert_eq!((class.code(), class.status()), ("VALIDATION_ERROR", 422));
    assert_eq!(class.alert(), Alert::Never);
    let fields = error.field_errors();
    let fields: Vec<_> = fields.iter().map(|field| (field.field(), field.detail())).collect();
    assert_eq!(fields, expected);
    let problem = Problem::of(error);
    assert_eq!((problem.status(), problem.detail()), (422, "Validation failed"));
    assert_eq!(problem.errors(), &*error.field_errors());
    assert!(!problem.body().contains("hunter2"), "{}", problem.body());
}

mod by_validator {
    use validator::Validate as _;

    use super::*;

    #[derive(validator::Validate)]
    struct Form {
        #[validate(email, length(max = 5))]
        email: String,
        #[validate(length(min = 8, message = "is too short"))]
        password: String,
        #[validate(range(min = 18, max = 150))]
        age: u8,
        #[validate(nested)]
        address: Address,
        #[validate(nested)]
        items: Vec<Item>,
        #[validate(custom(function = "never"))]
        team: u8,
    }

    #[derive(validator::Validate)]
    struct Address {
        #[validate(length(equal = 5))]
        code: String,
    }

    #[derive(Clone, validator::Validate)]
    struct Item {
        #[validate(length(min = 1))]
        sku: String,
    }

    fn never(_: u8) -> Result<(), validator::ValidationError> {
        Err(validator::ValidationError::new("full"))
    }

    fn form(items: Vec<Item>) -> Form {
        Form {
            email: "hunter2".to_owned(),
            password: "hunter2".to_owned(),
            age: 7,
            address: Address { code: "hunter2".to_owned() },
            items,
            team: 1,
        }
    }

    #[test]
    fn every_invalid_field_is_named() {
        let item = |sku: &str| Item { sku: sku.to_owned() };
        let errors = form(vec![item("S-7"), item("")]).validate().unwrap_err();
        assert_invalid(
            &errors.into(),
            &[
                ("address.code", "must have a length of 5"),
                ("age", "must be from 18 to 150"),
                ("email", "must have a length of at most 5"),
                ("email", "isn't a valid e-mail address"),
                ("items[1].sku", "must have a length of at least 1"),
                ("password", "is too short"),
                ("team", "is invalid"),
            ],
        );
    }

    #[test]
    fn number_of_fields_is_bounded() {
        let errors = form(vec![Item { sku: String::new() }; 10_000]).validate().unwrap_err();
        assert_eq!(Classify::field_errors(&errors).len(), 100);
    }
}

mod by_garde {
    use garde::Validate as _;

    use super::*;

    #[derive(garde::Validate)]
    struct Form {
        #[garde(length(min = 8))]
        password: String,
        #[garde(dive)]
        items: Vec<Item>,
    }

    #[derive(Clone, garde::Validate)]
    struct Item {
        #[garde(length(min = 1))]
        sku: String,
    }

    #[test]
    fn every_invalid_field_is_named() {
        let item = |sku: &str| Item { sku: sku.to_owned() };
        let form = Form { password: "hunter2".to_owned(), items: vec![item("S-7"), item("")] };
        assert_invalid(
            &form.validate().unwrap_err().into(),
            &[("items[1].sku", "length is lower than 1"), ("password", "length is lower than 8")],
        );
    }

    #[test]
    fn number_of_fields_is_bounded() {
        let items = vec![Item { sku: String::new() }; 10_000];
        let form = Form { password: "long enough".to_owned(), items };
        assert_eq!(form.validate().unwrap_err().field_errors().len(), 100);
    }
}

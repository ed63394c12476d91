//! What an order costs: exact, and checked.

use platform::problem::{FieldError, Problem};
use rust_decimal::Decimal;

use super::model::Line;

/// The most that an order may cost; a payment takes more.
const TOTAL_MAX: Decimal = Decimal::from_parts(3_567_587_327, 232, 0, false, 2);

/// The sum of the lines; `None` when it cannot be written as a decimal.
pub(super) fn sum(lines: &[Line]) -> Option<Decimal> {
    let add = |sum: Decimal, line: &Line| {
        let price = line.price.checked_mul(line.quantity.into())?;
        sum.checked_add(price)
    };
    lines.iter().try_fold(Decimal::ZERO, add)
}

/// The sum of the lines of an order that can be paid.
///
/// # Errors
/// 422 when it is too high.
pub(super) fn payable(lines: &[Line]) -> Result<Decimal, Problem> {
    let total = sum(lines).filter(|total| *total <= TOTAL_MAX);
    total.ok_or_else(too_high)
}

/// What a client is told whose order costs more than can be paid.
pub(super) fn too_high() -> Problem {
    let detail = format!("must be at most {TOTAL_MAX}");
    Problem::unprocessable(vec![FieldError::new("/total", detail)])
}

/// How many pieces.
pub(super) fn pieces(lines: &[Line]) -> Option<i32> {
    let add = |sum: i32, line: &Line| sum.checked_add(line.quantity);
    lines.iter().try_fold(0, add)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn line(quantity: i32, price: Decimal) -> Line {
        Line {
            sku: "x".into(),
            name: "x".into(),
            quantity,
            price,
        }
    }

    #[test]
    fn a_sum_is_exact() {
        let lines = [
            line(3, Decimal::new(10, 2)),
            line(1_000_000, Decimal::new(99_999_999, 2)),
        ];
        assert_eq!(sum(&lines).unwrap().to_string(), "999999990000.30");
        assert_eq!(pieces(&lines), Some(1_000_003));
        assert_eq!(sum(&[]), Some(Decimal::ZERO));
    }

    #[test]
    fn a_total_has_its_limit_and_never_panics() {
        assert_eq!(TOTAL_MAX.to_string(), "9999999999.99");
        let highest = [line(1, TOTAL_MAX)];
        assert_eq!(payable(&highest).unwrap(), TOTAL_MAX);
        for lines in [
            vec![line(1, TOTAL_MAX), line(1, Decimal::new(1, 2))],
            vec![line(i32::MAX, Decimal::MAX)],
            vec![line(1, Decimal::MAX); 2],
        ] {
            assert_eq!(payable(&lines).unwrap_err().status().as_u16(), 422);
        }
        assert_eq!(pieces(&vec![line(i32::MAX, Decimal::ONE); 2]), None);
    }
}

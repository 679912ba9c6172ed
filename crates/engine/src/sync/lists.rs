//! How many rows go into one statement: a few sizes, so that few statements are prepared at a server.

/// Most values of one statement; the protocols of both servers have room for twice as many.
const PARAMS_MAX: usize = 30_000;

/// Rows of one statement, the largest first.
const SIZES: [usize; 4] = [512, 64, 8, 1];

fn has_room(size: usize, width: usize) -> bool {
    size * width <= PARAMS_MAX || size == 1
}

/// The largest size that so many rows fill, of that many values each.
pub fn filled(count: usize, width: usize) -> usize {
    SIZES.into_iter().find(|size| *size <= count && has_room(*size, width)).unwrap_or(1)
}

/// The smallest size that has room for so many, or the largest that there is: the rest may be repeated.
pub fn padded(count: usize, width: usize) -> usize {
    let largest = SIZES.into_iter().find(|size| has_room(*size, width)).unwrap_or(1);
    SIZES.into_iter().rev().find(|size| *size >= count).unwrap_or(largest).min(largest)
}

"""marginfi 0.1.9's published source as a native program that runs transactions: `build` makes it, `driver.rs` is its main."""

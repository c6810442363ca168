//! What the tests on real databases share.

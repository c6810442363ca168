//! Packs the state of a breaker into one word.
//!
//! ```text
//! | mode 3 | registered 1 | generation 20 | payload 40                                  |
//!                                           closed, forced closed: consecutive failures; with a
//!                                               failure rate 0 while one more success would
//!                                               change nothing, else another number
//!                                           open: when to probe, in milliseconds
//!                                           half-open: extra 4 | epoch 4 | admitted 16 | succeeded 16
//! ```
//!
//! A ticket has the same form. If calls are timed, its payload is when the call was admitted, in
//! milliseconds.

use super::change::CircuitState;
use super::policy::Mode;

const MODE_SHIFT: u32 = 61;
/// The state has moved, or its owner has gone.
const ELSEWHERE: u64 = 6;
const GENERATION_SHIFT: u32 = 40;
const GENERATION_MASK: u64 = (1 << 20) - 1;
pub(super) const REGISTERED: u64 = 1 << 60;
const PAYLOAD_MASK: u64 = (1 << GENERATION_SHIFT) - 1;
const EPOCH_SHIFT: u32 = 32;
const EPOCH_MASK: u64 = 0xf;
const EXTRA_SHIFT: u32 = 36;
const EXTRA_MASK: u64 = 0xf;

/// Closed, and calls are timed. Another number than that of closed, so that the admission of calls
/// which aren't timed stays a single comparison.
const CLOSED_TIMED: u64 = 7;

/// The payload of an empty window. Not 0, so that no success looks like one that changes nothing.
const RECORDING: u64 = 1;

/// The payload after the first failure that a window has recorded.
pub(super) const FIRST_MARK: u64 = RECORDING + 1;

/// The largest payload.
pub(super) const LAST_MARK: u64 = PAYLOAD_MASK;

/// A value of the state word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(pub(super) u64);

impl Packed {
    /// The closed state of a breaker that wasn't used yet.
    pub(super) const fn initial(mode: &Mode) -> u64 {
        Self::state_bits(CircuitState::Closed, mode) << MODE_SHIFT | Self::initial_payload(mode)
    }

    const fn initial_payload(mode: &Mode) -> u64 {
        match mode {
            Mode::Consecutive { .. } => 0,
            Mode::Rate(_) => RECORDING,
        }
    }

    const fn state_bits(state: CircuitState, mode: &Mode) -> u64 {
        match state {
            CircuitState::Closed if mode.is_timed() => CLOSED_TIMED,
            state => state as u64,
        }
    }

    /// The state is in another place. Never leaves this mode.
    pub(super) const MOVED: Self = Self(ELSEWHERE << MODE_SHIFT | REGISTERED);

    /// A state without an owner, which isn't registered. Earlier results no longer count.
    pub(super) const fn vacated(self) -> Self {
        let generation = self.generation().wrapping_add(1) & GENERATION_MASK;
        Self(ELSEWHERE << MODE_SHIFT | generation << GENERATION_SHIFT)
    }

    #[inline]
    pub(super) const fn is_vacant(self) -> bool {
        self.0 >> MODE_SHIFT == ELSEWHERE && !self.is_registered()
    }

    #[inline]
    pub(super) const fn has_moved(self) -> bool {
        self.0 == Self::MOVED.0
    }

    /// Closed, and calls aren't timed. Mode 0, so that the closed path compares against a constant.
    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        self.0 >> MODE_SHIFT == CircuitState::Closed as u64
    }

    #[inline]
    pub(super) const fn is_registered(self) -> bool {
        self.0 & REGISTERED != 0
    }

    /// One comparison for both.
    #[inline]
    pub(super) const fn is_open_and_registered(self) -> bool {
        const OPEN: u64 = (CircuitState::Open as u64) << MODE_SHIFT | REGISTERED;
        self.0 & !(REGISTERED - 1) == OPEN
    }

    /// A state that has moved or has no owner rejects all calls, which are then made elsewhere.
    pub(super) const fn state(self) -> CircuitState {
        match self.0 >> MODE_SHIFT {
            0 | CLOSED_TIMED => CircuitState::Closed,
            1 => CircuitState::Open,
            2 => CircuitState::HalfOpen,
            3 | ELSEWHERE => CircuitState::ForcedOpen,
            4 => CircuitState::ForcedClosed,
            _ => CircuitState::Disabled,
        }
    }

    pub(super) const fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT & GENERATION_MASK
    }

    pub(super) const fn previous_generation(self) -> u64 {
        self.generation().wrapping_sub(1) & GENERATION_MASK
    }

    /// State and generation. A result counts only if these are unchanged.
    #[inline]
    pub(super) const fn ticket(self) -> u64 {
        self.0 & !PAYLOAD_MASK & !REGISTERED
    }

    /// Enters another state, or the same one again. Earlier results no longer count.
    pub(super) const fn next(self, state: CircuitState, payload: u64) -> Self {
        let generation = self.generation().wrapping_add(1) & GENERATION_MASK;
        let mode = (state as u64) << MODE_SHIFT;
        Self(mode | self.0 & REGISTERED | generation << GENERATION_SHIFT | payload & PAYLOAD_MASK)
    }

    /// Enters a state in which results are counted, as the mode does it.
    pub(super) const fn next_counting(self, state: CircuitState, mode: &Mode) -> Self {
        let Self(next) = self.next(state, Self::initial_payload(mode));
        Self(next & !(0b111 << MODE_SHIFT) | Self::state_bits(state, mode) << MODE_SHIFT)
    }

    /// A ticket for a call that starts at `millis`.
    pub(super) const fn timed_ticket(self, millis: u64) -> u64 {
        self.ticket() | Self::until(millis)
    }

    const fn with_payload(self, payload: u64) -> Self {
        Self(self.0 & !PAYLOAD_MASK | payload & PAYLOAD_MASK)
    }

    /// Closed and forced closed: consecutive failures. Open: when to probe, in milliseconds.
    pub(super) const fn payload(self) -> u64 {
        self.0 & PAYLOAD_MASK
    }

    pub(super) const fn with_failures(self, failures: u64) -> Self {
        self.with_payload(failures)
    }

    /// One more success would change nothing, so it is only compared with this word.
    pub(super) const fn settled(self) -> Self {
        self.with_payload(0)
    }

    /// Each result has to be recorded. No earlier payload of this generation has been the same
    /// `mark`, so a thread that wants to settle the window notices that it has changed.
    pub(super) const fn unsettled(self, mark: u64) -> Self {
        self.with_payload(mark)
    }

    /// Saturates if the point in time doesn't fit.
    pub(super) const fn until(millis: u64) -> u64 {
        if millis > PAYLOAD_MASK { PAYLOAD_MASK } else { millis }
    }

    pub(super) const fn admitted(self) -> u64 {
        self.0 >> 16 & 0xffff
    }

    pub(super) const fn succeeded(self) -> u64 {
        self.0 & 0xffff
    }

    const fn epoch(self) -> u64 {
        self.0 >> EPOCH_SHIFT & EPOCH_MASK
    }

    /// Number of slots if the policy allows `probes`, plus one for each interrupted probe.
    /// Saturates.
    pub(super) const fn slots(self, probes: u16) -> u64 {
        let slots = probes as u64 + (self.0 >> EXTRA_SHIFT & EXTRA_MASK);
        if slots > 0xffff { 0xffff } else { slots }
    }

    /// The same half-open generation with one more slot, up to fifteen extra slots.
    pub(super) const fn with_one_more(self) -> Self {
        if self.0 >> EXTRA_SHIFT & EXTRA_MASK == EXTRA_MASK {
            self
        } else {
            Self(self.0 + (1 << EXTRA_SHIFT))
        }
    }

    pub(super) const fn probes(admitted: u64, succeeded: u64) -> u64 {
        admitted << 16 | succeeded
    }

    /// The same half-open generation with other counts, and with a new lease if requested.
    pub(super) const fn with_probes(self, admitted: u64, succeeded: u64, new_lease: bool) -> Self {
        let epoch = self.epoch().wrapping_add(new_lease as u64) & EPOCH_MASK;
        let extra = self.0 & EXTRA_MASK << EXTRA_SHIFT;
        self.with_payload(extra | epoch << EPOCH_SHIFT | Self::probes(admitted, succeeded))
    }

    /// A lease that starts at `millis`, tagged with this state's generation and epoch.
    pub(super) const fn lease(self, millis: u64) -> u64 {
        (self.generation() << 4 | self.epoch()) << GENERATION_SHIFT | Self::until(millis)
    }

    /// When the lease started, if it belongs to this state.
    pub(super) const fn lease_start(self, lease: u64) -> Option<u64> {
        if lease & !PAYLOAD_MASK == self.lease(0) { Some(lease & PAYLOAD_MASK) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_state_keeps_the_registration_and_wraps_the_generation() {
        let mut word = Packed(REGISTERED);
        for generation in 1..=GENERATION_MASK {
            word = word.next(CircuitState::HalfOpen, u64::MAX);
            assert_eq!(word.generation(), generation);
        }
        let word = word.next(CircuitState::Disabled, 0);
        assert_eq!((word.generation(), word.state()), (0, CircuitState::Disabled));
        assert!(word.is_registered() && !word.is_closed());
        assert_eq!(word.previous_generation(), GENERATION_MASK);
    }

    #[test]
    fn a_lease_belongs_to_one_generation_and_one_epoch() {
        let half_open = Packed(0).next(CircuitState::HalfOpen, Packed::probes(1, 0));
        let lease = half_open.lease(77);
        assert_eq!(half_open.lease_start(lease), Some(77));
        assert_eq!(half_open.with_probes(2, 0, false).lease_start(lease), Some(77));
        assert_eq!(half_open.with_probes(2, 1, true).lease_start(lease), None);
        assert_eq!(half_open.next(CircuitState::HalfOpen, 0).lease_start(lease), None);
    }

    #[test]
    fn the_counts_of_half_open_do_not_touch_each_other() {
        let word = Packed(0).next(CircuitState::HalfOpen, 0).with_probes(0xffff, 0, true);
        assert_eq!((word.admitted(), word.succeeded(), word.epoch()), (0xffff, 0, 1));
        assert_eq!(word.with_probes(0, 0xffff, false).admitted(), 0);
        assert_eq!(word.with_probes(0, 0xffff, false).succeeded(), 0xffff);

        let more = (0..20).fold(word, |word, _| word.with_one_more());
        assert_eq!(
            (more.slots(1), more.slots(u16::MAX), more.ticket()),
            (16, 0xffff, word.ticket())
        );
        assert_eq!((more.admitted(), more.succeeded(), more.epoch()), (0xffff, 0, 1));
        assert_eq!(more.with_probes(2, 1, true).slots(3), 18);
        assert_eq!(more.next(CircuitState::HalfOpen, 0).slots(3), 3);
    }
}

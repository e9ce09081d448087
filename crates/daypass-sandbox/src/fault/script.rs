//! Which request meets which fault: the standing ones, and a queue for each endpoint.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;

use super::{Endpoint, Fault, PlannedFault};

/// What is planned. A queued fault comes on top of the standing ones, [`Fault::None`] instead of them.
#[derive(Debug, Default)]
pub(crate) struct Script {
    standing: Vec<(Endpoint, Fault)>,
    queued: BTreeMap<Endpoint, VecDeque<(Fault, NonZeroU32)>>,
}

impl Script {
    pub(crate) fn plan(&mut self, planned: PlannedFault) {
        let PlannedFault { at, times, fault } = planned;
        match times {
            Some(times) => self.queued.entry(at).or_default().push_back((fault, times)),
            None => {
                // A second standing fault of a kind replaces the first: two statuses can't both be sent.
                self.standing.retain(|(old, kind)| *old != at || kind.name() != fault.name());
                self.standing.push((at, fault));
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What the next request at this endpoint meets; uses up its turn in the queue.
    pub(crate) fn take(&mut self, at: Endpoint) -> Vec<Fault> {
        let next = self.next_queued(at);
        if next == Some(Fault::None) {
            return vec![Fault::None];
        }
        let standing = self.standing.iter().filter(|(place, _)| *place == at);
        standing.map(|(_, fault)| fault.clone()).chain(next).collect()
    }

    fn next_queued(&mut self, at: Endpoint) -> Option<Fault> {
        let queue = self.queued.get_mut(&at)?;
        let (fault, times) = queue.front_mut()?;
        let next = fault.clone();
        match NonZeroU32::new(times.get() - 1) {
            Some(left) => *times = left,
            None => drop(queue.pop_front()),
        }
        Some(next)
    }

    /// Everything that is still planned, standing first.
    pub(crate) fn planned(&self) -> Vec<PlannedFault> {
        let standing = self.standing.iter().map(|(at, fault)| PlannedFault {
            at: *at,
            times: None,
            fault: fault.clone(),
        });
        let queued = self.queued.iter().flat_map(|(at, queue)| {
            queue.iter().map(|(fault, times)| PlannedFault {
                at: *at,
                times: Some(*times),
                fault: fault.clone(),
            })
        });
        standing.chain(queued).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(text: &str) -> PlannedFault {
        text.parse().unwrap()
    }

    #[test]
    fn a_queue_is_used_up_in_order_and_leaves_other_endpoints_alone() {
        let mut script = Script::default();
        script.plan(planned("status=503*2"));
        script.plan(planned("reset*1"));
        assert_eq!(script.take(Endpoint::Api), vec![]);
        let met: Vec<_> = (0..4).map(|_| script.take(Endpoint::Token)).collect();
        let status = vec![Fault::Status(503)];
        assert_eq!(met, vec![status.clone(), status, vec![Fault::Reset], vec![]]);
    }

    #[test]
    fn a_queued_fault_adds_to_the_standing_ones_and_none_suspends_them() {
        let mut script = Script::default();
        script.plan(planned("delay_ms=5"));
        script.plan(planned("reset*1"));
        script.plan(planned("none*1"));
        assert_eq!(script.take(Endpoint::Token).len(), 2);
        assert_eq!(script.take(Endpoint::Token), vec![Fault::None]);
        assert_eq!(script.take(Endpoint::Token).len(), 1);
    }

    #[test]
    fn a_standing_fault_replaces_one_of_its_kind() {
        let mut script = Script::default();
        script.plan(planned("status=500"));
        script.plan(planned("status=502"));
        assert_eq!(script.planned(), vec![planned("status=502")]);
        script.plan(planned("api:status=504"));
        assert_eq!(script.planned(), vec![planned("status=502"), planned("api:status=504")]);
        script.clear();
        assert_eq!(script.planned(), vec![]);
    }
}

package import Bytes

/// What a rewind does, or would do; and the same of a branch. No PHI: how much, never of whom.
package struct RestorePlan: Equatable, Sendable {
    /// What was asked for: an instant, or the stamp of the transaction whose last event is `target`.
    package var instant: Instant
    /// The last event that counts again, and the last one there was.
    package var target: UInt64
    package var position: UInt64
    /// Streams that take the content they had, and whose patients' data that is.
    package var streams: Int
    package var patients: Int
    /// Streams that were made after the target: absent from then on.
    package var vanishing: Int
    /// Appointments that are busy at the target and not now, and those that are busy now and not there.
    package var appointmentsReturning: Int
    package var appointmentsVanishing: Int
    /// What is never rewound, since the target: entries of each register (design 7).
    package var erasures: UInt64
    package var withdrawals: UInt64
    package var revocations: UInt64
    /// The rewind's own position; nil of a plan.
    package var appliedAt: UInt64?

    package init(instant: Instant, target: UInt64, position: UInt64) {
        self.instant = instant
        self.target = target
        self.position = position
        streams = 0
        patients = 0
        vanishing = 0
        appointmentsReturning = 0
        appointmentsVanishing = 0
        erasures = 0
        withdrawals = 0
        revocations = 0
    }

    /// Adds one stream: how it stands now, and how it will.
    package mutating func count(
        _ now: (state: StreamState, status: AppointmentStatus?), becomes rewound: RewoundStream
    ) {
        streams += 1
        if rewound.state == .absent, now.state != .absent { vanishing += 1 }
        let wasBusy = now.state == .live && now.status?.isBusy == true
        let isBusy = rewound.state == .live && rewound.appointment?.status.isBusy == true
        if isBusy && !wasBusy { appointmentsReturning += 1 }
        if wasBusy && !isBusy { appointmentsVanishing += 1 }
    }
}

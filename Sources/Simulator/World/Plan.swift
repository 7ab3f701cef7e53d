internal import Consensus

/// Everything that shapes a world but its seed's dice: drawn from the seed (swarm testing: every world has its own
/// rates and sizes), changed by shrinking, and written down with a failing seed.
package struct Plan: Equatable, Sendable {
    package var seed: UInt64
    /// Those that vote at first; spares come after them.
    package var replicas: Int
    package var spares = 0
    /// How long faults go on, in microseconds of virtual time.
    package var safetyMicroseconds: UInt64 = 0
    /// The kinds of faults that are on, with the mean time between two of them (µs), or for those of messages the rate
    /// in a million.
    package var faults: [Fault] = []
    package var clients: Int = 0
    package var patients: Int = 0
    package var appointments: Int = 0
    /// Mean pause of a client between two operations.
    package var thinkMicroseconds: UInt64 = 0
    /// One operation in so many is a read of some kind.
    package var readsPerMillion: UInt64 = 0
    /// Reads of the past among the reads, in a million; 0 in worlds from before there were any, which then are as they
    /// were.
    package var asOfPerMillion: UInt64 = 0
    /// Moments that every voter is asked about at the end.
    package var examinedMoments = 0
    /// Streams that a rewind looks up in one turn of a loop.
    package var rewoundSliceMax = 128
    package var batchMax: Int = 1
    package var patienceMicroseconds: UInt64 = 0

    // The replica
    package var bodyCapacity = 0
    package var slotsMin = 0
    package var fillStep = 0
    package var cachedFrames = 0
    package var snapshotEvery: UInt64 = 0
    package var tickMicroseconds: UInt64 = 0
    package var turnMicroseconds: UInt64 = 0
    package var waitingAppendsMax = 0

    // Agreement
    package var heartbeatMilliseconds: UInt64 = 0
    /// The lower end of the election timeout; the upper is twice that.
    package var electionMilliseconds: UInt64 = 0
    /// A voter not heard of for so long is replaced by a spare.
    package var lostMilliseconds: UInt64 = 0
    package var messageEntriesMax = 0
    package var flightsMax = 0

    /// A bug planted in every replica, by name; nil: none. Only in builds that have bugs to plant.
    package var mutant: String?

    // Disk and links
    package var diskMicroseconds: UInt64 = 0
    package var linkMicroseconds: UInt64 = 0
    package var restartMicroseconds: UInt64 = 0
    /// Bytes of a disk, and of it what an episode of fullness leaves.
    package var diskBytes = 0

    package struct Fault: Equatable, Sendable {
        package var kind: FaultKind
        package var mean: UInt64

        package init(kind: FaultKind, mean: UInt64) {
            self.kind = kind
            self.mean = mean
        }
    }

    /// The bugs that this build can plant.
    package static var mutants: [String] {
        #if CHARTLOG_MUTANTS
        return Mutant.allCases.map(\.rawValue)
        #else
        return []
        #endif
    }

    var timings: RaftTimings {
        var timings = RaftTimings()
        timings.heartbeat = heartbeatMilliseconds
        timings.election = electionMilliseconds...(electionMilliseconds * 2)
        timings.messageEntriesMax = messageEntriesMax
        timings.flightsMax = flightsMax
        return timings
    }

    package func mean(_ kind: FaultKind) -> UInt64? { faults.first { $0.kind == kind }?.mean }

    init(bareSeed seed: UInt64, replicas: Int) {
        self.seed = seed
        self.replicas = replicas
    }

    /// - Parameter safetySeconds: instead of the 20 to 50 seconds drawn.
    package init(seed: UInt64, replicas: Int, safetySeconds: UInt64? = nil) {
        self.seed = seed
        self.replicas = replicas
        var chance = Chance(seed: seed, .plan)
        safetyMicroseconds = chance.within(20_000_000...50_000_000)
        clients = chance.within(2...8)
        patients = chance.pick([2, 8, 24, 60])
        appointments = chance.pick([0, 2, 6])
        thinkMicroseconds = chance.pick([15_000, 50_000, 120_000, 250_000])
        readsPerMillion = chance.pick([50_000, 300_000, 600_000])
        batchMax = chance.pick([1, 2, 5, 12])
        patienceMicroseconds = chance.pick([300_000, 1_000_000, 4_000_000])
        bodyCapacity = chance.pick([16 << 10, 24 << 10, 64 << 10])
        slotsMin = chance.pick([4, 16, 64])
        fillStep = chance.pick([0, 4 << 10, 16 << 10])
        cachedFrames = chance.pick([1, 8, 64])
        snapshotEvery = chance.pick([60, 200, 800])
        tickMicroseconds = chance.pick([5_000, 10_000, 25_000, 50_000])
        turnMicroseconds = chance.pick([0, 20, 200, 1_000])
        waitingAppendsMax = chance.pick([4, 64, 4096])
        diskMicroseconds = chance.pick([40, 300, 2_000, 12_000])
        linkMicroseconds = chance.pick([20, 200, 2_000, 15_000])
        restartMicroseconds = chance.pick([20_000, 200_000, 1_500_000])
        diskBytes = 64 << 20
        heartbeatMilliseconds = chance.pick([20, 50, 100])
        electionMilliseconds = chance.pick([250, 500, 800])
        messageEntriesMax = chance.pick([1, 8, 256])
        flightsMax = chance.pick([1, 3, 16])
        // One entry a round trip is less than the clients of a slow world send.
        if flightsMax == 1 { messageEntriesMax = max(messageEntriesMax, 8) }
        drawFaults(&chance)
        let wantsSpares = chance.below(3)
        lostMilliseconds = chance.pick([4_000, 12_000, 300_000])
        if replicas > 1 { spares = wantsSpares }
        drawRestores(&chance)
        if let safetySeconds { safetyMicroseconds = safetySeconds * 1_000_000 }
    }

    /// Each kind is on in three worlds of five, at a rate of its own; a rollback is tried more often, for it seldom finds
    /// all that it needs.
    private mutating func drawFaults(_ chance: inout Chance) {
        for kind in FaultKind.allCases where kind != .rewind {
            let isOn = chance.below(5) < 3
            let mean =
                kind.isOfMessages
                ? chance.pick([500, 5_000, 50_000, 200_000] as [UInt64])
                : chance.pick([800_000, 2_500_000, 8_000_000] as [UInt64]) / (kind == .rollback ? 4 : 1)
            guard isOn, replicas > 1 || (!kind.needsPeers && !kind.damages) else { continue }
            faults.append(Fault(kind: kind, mean: mean))
        }
    }

    /// Rewinds are on in three worlds of five too, but rarer: each undoes what clients have done.
    private mutating func drawRestores(_ chance: inout Chance) {
        asOfPerMillion = chance.pick([50_000, 200_000, 500_000])
        examinedMoments = chance.within(2...6)
        rewoundSliceMax = chance.pick([1, 4, 128])
        let isOn = chance.below(5) < 3
        let mean = chance.pick([1_500_000, 4_000_000, 12_000_000] as [UInt64])
        if isOn { faults.append(Fault(kind: .rewind, mean: mean)) }
    }
}

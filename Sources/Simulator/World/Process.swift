internal import Bytes
internal import Files
internal import Keys
internal import Records
internal import Replica
internal import SegmentedLog

/// One simulated machine: a disk that lasts, clocks that may lie, and now and then a replica that runs on them.
final class Process {
    let id: Int
    let disk: SimulatedFiles
    var chance: Chance
    /// The present life's replica; nil while it is down.
    var replica: Replica<SimulatedFiles>?
    /// Counts lives, so that what an earlier one asked for is not told to a later one.
    var life = 0
    var isPaused = false
    /// Its disk was emptied or rolled back: it takes part no more under its old id.
    var isLost = false
    /// A picture of its disk, to be rolled back to.
    var older: OlderImage?
    /// Nobody starts it.
    var isHeldDown = false
    /// Facts that wait for the next turn.
    var inbox: [ReplicaInput] = []
    /// The turn under way ends then.
    var busyUntil: UInt64 = 0
    var isWoken = false
    var hand: DiskHand<SimulatedFiles>
    /// Batches on their way to the disk, oldest first.
    var batches: [DiskBatch] = []
    var works: [BackgroundWork] = []
    var standing = Ledger.Standing()
    /// What it told others of itself last.
    var saidOfItself = ""
    /// Who leads, as it says.
    var primary: Int?
    /// It reported damage that it cannot mend alone.
    var isDamaged = false
    /// Its power went and may have torn what was on its way to the disk, which has not been opened and found whole since.
    var mayBeTorn = false

    // Clocks: a wall clock that may be set and may run fast, and one that only runs forward.
    var wallOffset: Int64 = 0
    var driftPerMillion: Int64 = 0
    var driftSince: UInt64 = 0
    var slowDiskUntil: UInt64 = 0
    var hungDiskUntil: UInt64 = 0

    init(id: Int, disk: SimulatedFiles, chance: Chance) {
        self.id = id
        self.disk = disk
        self.chance = chance
        hand = DiskHand(disk)
    }

    /// 2026-11-22 in UTC, when virtual time begins.
    static let epoch: Int64 = 1_795_305_600_000_000

    func tick(at now: UInt64) -> ReplicaInput {
        .ticked(
            wall: Instant(microseconds: Self.epoch + Int64(now) + wallOffset + drift(at: now)),
            monotonicMilliseconds: 1_000 + now / 1_000)
    }

    /// What the wall clock has gained since it began to drift.
    private func drift(at now: UInt64) -> Int64 { Int64(now - driftSince) / 1_000 * driftPerMillion / 1_000 }

    /// From now on the clock gains so many microseconds a second; what it has gained it keeps.
    func setDrift(_ perMillion: Int64, at now: UInt64) {
        wallOffset += drift(at: now)
        driftSince = now
        driftPerMillion = perMillion
    }

    /// How long a batch takes that begins now.
    func diskMicroseconds(_ plan: Plan, at now: UInt64) -> UInt64 {
        let mean = now < slowDiskUntil ? plan.diskMicroseconds * 20 : plan.diskMicroseconds
        let ends = now + mean / 2 + chance.exponential(mean: mean)
        return max(ends, hungDiskUntil) - now
    }

    /// Opens a new life on what the disk holds; nil when it does not open.
    func open(_ plan: Plan, clusterID: [UInt8], root: SecretKey) -> ReplicaError? {
        var configuration = ReplicaConfiguration(id: id, clusterID: clusterID)
        configuration.log.bodyCapacity = plan.bodyCapacity
        configuration.log.slotsMin = plan.slotsMin
        configuration.log.slotsMax = max(plan.slotsMin, 512)
        configuration.log.fillStep = plan.fillStep
        configuration.log.cachedFrames = plan.cachedFrames
        configuration.log.headRooms.events = 3 * plan.bodyCapacity + (96 << 10)
        configuration.log.headRooms.records = 2 * plan.bodyCapacity + (64 << 10)
        configuration.log.headRooms.control = 32 << 10
        configuration.snapshotEvery = plan.snapshotEvery
        configuration.requestsPerSecond = 1_000_000
        configuration.peers = (1...(plan.replicas + plan.spares)).filter { $0 != id }
        configuration.lostMilliseconds = plan.lostMilliseconds
        configuration.replacementMilliseconds = 2 * plan.lostMilliseconds
        configuration.timings = plan.timings
        configuration.waitingAppendsMax = plan.waitingAppendsMax
        configuration.rewoundSliceMax = plan.rewoundSliceMax
        life += 1
        let dice = SeededDice(seed: chance.word())
        do throws(ReplicaError) {
            replica = try Replica.open(disk, configuration: configuration, root: root, dice: dice)
        } catch {
            disk.loseHandles()
            return error
        }
        hand = DiskHand(disk)
        batches = []
        works = []
        inbox = []
        standing = Ledger.Standing()
        primary = nil
        isWoken = false
        busyUntil = 0
        isDamaged = replica?.damage != nil
        mayBeTorn = mayBeTorn && isDamaged
        return nil
    }

    /// The life ends. What was on its way to the disk got some of the way.
    func die(losesPower: Bool, tears: Bool) {
        if let batch = batches.first, chance.oneIn(2) {
            disk.fuse = chance.below(batch.orders.count + 4)
            // Errors are the point: the machine stands still somewhere in the middle.
            try? hand.carryOut(batch)
            disk.fuse = nil
        }
        if let work = works.first, chance.oneIn(2), let crypto = try? Crypto() {
            disk.fuse = chance.below(40)
            var dice = SeededDice(seed: chance.word())
            _ = work.carryOut(on: disk, crypto: crypto, dice: &dice)
            disk.fuse = nil
        }
        replica = nil
        life += 1
        batches = []
        works = []
        inbox = []
        primary = nil
        isPaused = false
        isWoken = false
        if losesPower { losePower(tears: tears) } else { disk.loseHandles() }
    }

    func losePower(tears: Bool) {
        mayBeTorn = mayBeTorn || tears
        disk.losePower(tears: tears)
    }

    /// Its disk goes away, after it may have promised others to hold entries through its durable index.
    func loseDisk() {
        isLost = true
        disk.lostThrough = replica?.witness.durableIndex ?? 0
    }
}

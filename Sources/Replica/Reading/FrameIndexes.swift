internal import Bytes
internal import Records
internal import SegmentedLog

/// A frame of the log, taken apart: where each transaction, event and record of its body stands.
struct FrameParts {
    let index: UInt64
    /// Who wrote it: what its values are sealed with is bound to that.
    let cluster: [UInt8]
    let body: [UInt8]
    let seed: AuditSeed
    let registryEpoch: UInt32
    let firstPosition: UInt64
    let firstRecord: UInt64
    private(set) var transactions: [TransactionPlace] = []
    /// For each event where it stands and which transaction it is of.
    private(set) var events: [(offset: Int, transaction: Int)] = []
    private(set) var records: [RecordPlace] = []
    /// The rewinds, as they were taken apart: one may name every stream there is, and is not read through once more for
    /// each of them.
    private var rewinds: [EventPlace] = []

    init(_ frame: OpenedFrame) throws(ByteError) {
        index = frame.header.index
        cluster = frame.header.cluster.bytes
        body = frame.body
        firstPosition = frame.header.firstPosition
        firstRecord = frame.header.firstRecord
        var reader = try EntryReader(frame.body, start: EntryStart(frame))
        seed = reader.seed
        registryEpoch = reader.registryEpoch
        while let step = try reader.next() {
            switch step {
            case .transaction(let place): transactions.append(place)
            case .event(let place):
                events.append((place.head.lowerBound, transactions.count - 1))
                if place.rewind != nil { rewinds.append(place) }
            case .record(let place): records.append(place)
            }
        }
    }

    /// The event at a position and its transaction; nil when it is of another frame.
    func event(at position: UInt64) throws(ByteError) -> (place: EventPlace, transaction: TransactionPlace)? {
        guard position >= firstPosition, position - firstPosition < UInt64(events.count) else { return nil }
        let (offset, transaction) = events[Int(position - firstPosition)]
        if let rewind = rewinds.first(where: { $0.position == position }) { return (rewind, transactions[transaction]) }
        return (try EntryReader.event(in: body, at: offset, position: position), transactions[transaction])
    }

    /// The record of a number; nil when it is of another frame.
    func record(_ number: UInt64) -> RecordPlace? {
        guard number >= firstRecord, number - firstRecord < UInt64(records.count) else { return nil }
        return records[Int(number - firstRecord)]
    }
}

/// The frames taken apart lately.
struct FrameIndexes {
    /// Neighbours are read together, so few are enough; more where they are small, for the events of one stream.
    private static let kept = 8
    private static let smallKept = 256
    private static let smallBytesMax = 16 << 20
    private static let rewindsKept = 1024

    private var frames: [FrameParts] = []
    private var bytes = 0
    /// Of all frames taken apart so far: what that cost, for who does so much in one turn.
    private(set) var bytesTaken = 0
    /// The header opened last, by its transaction's first position: events read together share one.
    var header: (position: UInt64, value: AuditValue)?
    /// The transactions of the rewinds read lately. Each resource that a rewind touched says when it was changed, so that
    /// is asked far more often than the frame, which may be of megabytes, stays among the few kept.
    private var rewinds: [(position: UInt64, transaction: TransactionPlace)] = []

    func rewind(at position: UInt64) -> TransactionPlace? { rewinds.last { $0.position == position }?.transaction }

    mutating func keep(_ transaction: TransactionPlace, ofRewind position: UInt64) {
        if rewinds.count == Self.rewindsKept { rewinds.removeFirst() }
        rewinds.append((position, transaction))
    }

    func holding(position: UInt64) -> FrameParts? {
        frames.last { position >= $0.firstPosition && position - $0.firstPosition < UInt64($0.events.count) }
    }

    func holding(record: UInt64) -> FrameParts? {
        frames.last { record >= $0.firstRecord && record - $0.firstRecord < UInt64($0.records.count) }
    }

    mutating func keep(_ frame: FrameParts) {
        frames.append(frame)
        bytes += frame.body.count
        bytesTaken += frame.body.count
        var dropped = 0
        while frames.count - dropped > Self.kept, bytes > Self.smallBytesMax || frames.count - dropped > Self.smallKept
        {
            bytes -= frames[dropped].body.count
            dropped += 1
        }
        if dropped > 0 { frames.removeFirst(dropped) }
    }
}

internal import Bytes

/// A frame as it stands on disk: what replicas send each other. Every replica keeps the bytes as the primary made them,
/// so a closed segment is the same file everywhere and a damaged frame is mended with a peer's.
package struct StoredFrame: Equatable, Sendable {
    /// What stands in the header table: 144 bytes.
    package var header: [UInt8]
    /// The stored body; in a segment's first frame its description comes before the seal.
    package var body: [UInt8]

    package init(header: [UInt8], body: [UInt8]) {
        self.header = header
        self.body = body
    }

    /// Bytes on disk and on the way to a peer.
    package var count: Int { header.count + body.count }

    /// The header read, its own checksum right; nothing is said of the body.
    package func parsed() throws(FrameFlaw) -> FrameHeader {
        guard header.count == FrameHeader.count else { throw .header }
        return try FrameHeader(header, at: 0)
    }
}

/// The newest frames as stored, oldest first, without holes: what is being written and what peers will ask for next.
struct StoredWindow {
    private var frames: [StoredFrame] = []
    /// How many at the beginning of `frames` are given up already.
    private var start = 0
    /// Index of the first frame kept; that of the next one when there is none.
    private(set) var first: UInt64 = 0
    private(set) var bytes = 0

    var count: Int { frames.count - start }

    func frame(_ index: UInt64) -> StoredFrame? {
        guard index >= first, index - first < UInt64(count) else { return nil }
        return frames[start + Int(index - first)]
    }

    mutating func append(_ frame: StoredFrame, index: UInt64) {
        if count == 0 { first = index }
        precondition(index == first + UInt64(count))
        frames.append(frame)
        bytes += frame.count
    }

    /// Gives up the oldest until the bounds hold, but none after `durable`: those stand nowhere else.
    mutating func trim(bytesMax: Int, framesMax: Int, durable: UInt64) {
        while count > 0, first <= durable, bytes > bytesMax || count > framesMax {
            bytes -= frames[start].count
            frames[start] = StoredFrame(header: [], body: [])
            start += 1
            first += 1
        }
        if start > 64, start > frames.count / 2 {
            frames.removeFirst(start)
            start = 0
        }
    }

    /// Forgets the frames after an index.
    mutating func cut(after index: UInt64) {
        while count > 0, first + UInt64(count) - 1 > index { bytes -= frames.removeLast().count }
    }
}

/// Which term each frame of a segment has: terms never fall, so a few runs say it for all.
struct TermRuns: Equatable, Sendable {
    private var runs: [(first: UInt64, term: UInt64)] = []

    /// The term of a frame; nil before the first that is known.
    func term(at index: UInt64) -> UInt64? {
        let place = runs.partitioningIndex { $0.first > index } - 1
        return place >= 0 ? runs[place].term : nil
    }

    mutating func append(_ index: UInt64, term: UInt64) {
        if runs.last?.term != term { runs.append((index, term)) }
    }

    mutating func cut(after index: UInt64) {
        while let last = runs.last, last.first > index { runs.removeLast() }
    }

    static func == (a: TermRuns, b: TermRuns) -> Bool {
        a.runs.count == b.runs.count && zip(a.runs, b.runs).allSatisfy { $0 == $1 }
    }
}

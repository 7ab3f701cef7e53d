package import Bytes
internal import Consensus
internal import SegmentedLog

/// Bytes of what replicas say to each other; `Peers.md` has the tables. Whoever reads bounds what it believes before it
/// makes room for it, so that a message costs no more memory than its bytes.
package enum PeerCodec {
    /// First byte of every message. A link is refused whose hello speaks of another version.
    package static let version: UInt8 = 1
    /// No message is longer: a full append and what stands around it.
    package static let messageBytesMax = 40 << 20
    static let framesMax = 4096
    static let sightingsMax = 64

    enum Word: UInt8 {
        case hello = 1
        case raft = 2
        case figures = 3
        case fetch = 4
        case fetched = 5
        case retired = 6
        case saved = 7
        case savedNoted = 8
        case readIndexAsked = 9
        case readIndex = 10
    }

    package static func encode(_ message: PeerMessage) -> [UInt8] {
        var writer = ByteWriter(reserving: bytes(of: message))
        writer.u8(version)
        switch message {
        case .hello(let hello):
            writer.u8(Word.hello.rawValue)
            write(hello, onto: &writer)
        case .raft(let raft, let frames):
            writer.u8(Word.raft.rawValue)
            write(raft, onto: &writer)
            write(frames, onto: &writer)
        case .figures(let figures):
            writer.u8(Word.figures.rawValue)
            write(figures, onto: &writer)
        case .fetch(let request):
            writer.u8(Word.fetch.rawValue)
            writer.varint(request.first)
            writer.varint(request.last)
        case .fetched(let first, let committed, let frames):
            writer.u8(Word.fetched.rawValue)
            writer.varint(first)
            writer.varint(committed)
            write(frames, onto: &writer)
        case .retired: writer.u8(Word.retired.rawValue)
        case .saved(let notice):
            writer.u8(Word.saved.rawValue)
            write(notice, onto: &writer)
        case .savedNoted(let id):
            writer.u8(Word.savedNoted.rawValue)
            writer.u64(id)
        case .readIndexAsked(let token):
            writer.u8(Word.readIndexAsked.rawValue)
            writer.u64(token)
        case .readIndex(let token, let index):
            writer.u8(Word.readIndex.rawValue)
            writer.u64(token)
            writer.varint(index)
        }
        return writer.bytes
    }

    /// - Throws: for anything that `encode` does not make.
    package static func decode(_ bytes: [UInt8]) throws(ByteError) -> PeerMessage {
        var reader = ByteReader(bytes)
        guard try reader.u8() == version, let word = Word(rawValue: try reader.u8()) else { throw .malformed }
        let message: PeerMessage
        switch word {
        case .hello: message = .hello(try hello(&reader))
        case .raft:
            let raft = try raft(&reader)
            message = .raft(raft, frames: try frames(&reader))
        case .figures: message = .figures(try figures(&reader))
        case .fetch:
            let first = try reader.varint()
            message = .fetch(FrameRequest(first: first, last: try reader.varint()))
        case .fetched:
            let first = try reader.varint()
            let committed = try reader.varint()
            message = .fetched(first: first, committed: committed, frames: try frames(&reader))
        case .retired: message = .retired
        case .saved: message = .saved(try notice(&reader))
        case .savedNoted: message = .savedNoted(try reader.u64())
        case .readIndexAsked: message = .readIndexAsked(token: try reader.u64())
        case .readIndex:
            let token = try reader.u64()
            message = .readIndex(token: token, try reader.varint())
        }
        guard reader.isAtEnd else { throw .malformed }
        return message
    }

    /// How much room the message takes, or a little more.
    private static func bytes(of message: PeerMessage) -> Int {
        switch message {
        case .raft(_, let frames), .fetched(_, _, let frames):
            frames.reduce(160) { $0 + $1.header.count + $1.body.count + 5 }
        case .figures: 256
        case .hello(let hello): 64 + hello.sightings.count * 40
        case .fetch: 24
        case .retired: 2
        case .saved(let notice): 96 + notice.credential.utf8.count + notice.destination.utf8.count
        case .savedNoted, .readIndexAsked: 10
        case .readIndex: 20
        }
    }

    private static func write(_ notice: BackupNotice, onto writer: inout ByteWriter) {
        writer.u64(notice.id)
        for text in [notice.credential, notice.destination] { writer.counted(Array(text.utf8)) }
        writer.varint(notice.manifest)
        writer.digest(notice.hash)
        writer.varint(notice.index)
        writer.varint(notice.position)
    }

    private static func notice(_ reader: inout ByteReader) throws(ByteError) -> BackupNotice {
        func text() throws(ByteError) -> String {
            let bytes = try reader.array(try reader.count(atMost: BackupNotice.textBytesMax))
            guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
            return text
        }
        let id = try reader.u64()
        return BackupNotice(
            id: id, credential: try text(), destination: try text(), manifest: try reader.varint(),
            hash: try reader.digest(), index: try reader.varint(), position: try reader.varint())
    }

    private static func write(_ frames: [StoredFrame], onto writer: inout ByteWriter) {
        writer.varint(frames.count)
        for frame in frames {
            precondition(frame.header.count == FrameHeader.count)
            writer.append(frame.header)
            writer.counted(frame.body)
        }
    }

    private static func frames(_ reader: inout ByteReader) throws(ByteError) -> [StoredFrame] {
        let count = try reader.count(atMost: min(framesMax, reader.remaining / FrameHeader.count))
        var frames: [StoredFrame] = []
        frames.reserveCapacity(count)
        for _ in 0..<count {
            let header = try reader.array(FrameHeader.count)
            frames.append(StoredFrame(header: header, body: try reader.array(reader.count(atMost: reader.remaining))))
        }
        return frames
    }

    private static func write(_ hello: PeerHello, onto writer: inout ByteWriter) {
        writer.varint(hello.boot)
        writer.varint(hello.term)
        writer.varint(hello.durable)
        writer.varint(hello.sightings.count)
        for sighting in hello.sightings {
            writer.varint(sighting.id)
            writer.varint(sighting.boot)
            writer.varint(sighting.term)
            writer.varint(sighting.held)
        }
    }

    private static func hello(_ reader: inout ByteReader) throws(ByteError) -> PeerHello {
        var hello = PeerHello(
            boot: try number(&reader), term: try number(&reader), durable: try reader.varint(), sightings: [])
        for _ in 0..<(try reader.count(atMost: sightingsMax)) {
            hello.sightings.append(
                PeerSighting(
                    id: try id(&reader), boot: try number(&reader), term: try number(&reader),
                    held: try reader.varint()))
        }
        return hello
    }

    private static func write(_ figures: PeerFigures, onto writer: inout ByteWriter) {
        writer.u8(figures.state.rawValue)
        for number in [
            figures.boot, figures.term, figures.index, figures.position, figures.record, figures.lastIndex,
            figures.durableIndex, figures.committedIndex, figures.freeBytes,
        ] { writer.varint(number) }
        writer.u64(UInt64(bitPattern: figures.stamp.microseconds))
        writer.u64(UInt64(bitPattern: figures.clock.microseconds))
        writer.u8(figures.clockTrust.rawValue)
        writer.digest(figures.patientDigest)
        writer.digest(figures.appointmentDigest)
        writer.digest(figures.auditDigest)
        if !figures.backupTrouble.isEmpty { writer.u8(figures.backupTrouble.rawValue) }
    }

    private static func figures(_ reader: inout ByteReader) throws(ByteError) -> PeerFigures {
        guard let state = ReplicaState(rawValue: try reader.u8()) else { throw .malformed }
        let boot = try number(&reader)
        let term = try number(&reader)
        let index = try reader.varint()
        let position = try reader.varint()
        let record = try reader.varint()
        let lastIndex = try reader.varint()
        let durableIndex = try reader.varint()
        let committedIndex = try reader.varint()
        let freeBytes = try reader.varint()
        let stamp = Instant(microseconds: Int64(bitPattern: try reader.u64()))
        let clock = Instant(microseconds: Int64(bitPattern: try reader.u64()))
        guard let trust = ClockTrust(rawValue: try reader.u8()) else { throw .malformed }
        var figures = PeerFigures(
            state: state, boot: boot, term: term, index: index, position: position, record: record, stamp: stamp,
            lastIndex: lastIndex, durableIndex: durableIndex, committedIndex: committedIndex,
            patientDigest: try reader.digest(), appointmentDigest: try reader.digest(),
            auditDigest: try reader.digest(), freeBytes: freeBytes, clock: clock, clockTrust: trust)
        // Mostly there is none, and no byte that says so.
        guard !reader.isAtEnd else { return figures }
        figures.backupTrouble = BackupTrouble(rawValue: try reader.u8())
        guard !figures.backupTrouble.isEmpty, BackupTrouble.all.isSuperset(of: figures.backupTrouble) else {
            throw .malformed
        }
        return figures
    }

    static func id(_ reader: inout ByteReader) throws(ByteError) -> Int { try reader.count(atMost: Int(Int32.max)) }
}

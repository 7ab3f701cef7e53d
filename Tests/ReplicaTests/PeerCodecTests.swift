import Bytes
import Consensus
@testable import Replica
import SegmentedLog
import TestSupport
import Testing

@Suite struct `What replicas say to each other` {
    private static let frame = StoredFrame(
        header: (0..<FrameHeader.count).map { UInt8(truncatingIfNeeded: $0) }, body: [9, 8, 7])

    private static func raft(_ kind: RaftMessage.Kind, frames: [StoredFrame] = []) -> PeerMessage {
        .raft(RaftMessage(from: 1, to: 300, term: 77, kind: kind), frames: frames)
    }

    private static let digests = [1, 2, 3].map { Digest([UInt8](repeating: $0, count: 32)) }

    static let messages: [PeerMessage] = [
        .hello(PeerHello(boot: 3, term: 8, durable: 1 << 40, sightings: [])),
        .hello(
            PeerHello(
                boot: 1, term: 2, durable: 3,
                sightings: [
                    PeerSighting(id: 2, boot: 4, term: 5, held: 6), PeerSighting(id: 3, boot: 7, term: 8, held: 9),
                ])),
        raft(.preVoteRequest(asked: 78, last: EntryID(index: 900, term: 76), isTransfer: false)),
        raft(.preVoteAnswer(asked: 78, granted: true)),
        raft(.voteRequest(last: EntryID(index: 900, term: 76), isTransfer: true)),
        raft(.voteAnswer(granted: false)),
        raft(
            .append(previous: EntryID(index: 899, term: 76), count: 2, entryTerm: 77, commit: 890),
            frames: [frame, frame]),
        raft(.append(previous: EntryID(index: 899, term: 76), count: 0, entryTerm: 0, commit: 890)),
        raft(.appendAnswer(match: 901)),
        raft(.appendRefused(refused: 899, hint: EntryID(index: 500, term: 12))),
        raft(.heartbeat(commit: 890, round: 12345)),
        raft(.heartbeatAnswer(round: 12345, match: 899)),
        raft(.timeoutNow),
        raft(.termPassed),
        .figures(
            PeerFigures(
                state: .catchingUp, boot: 1, term: 77, index: 880, position: 5000, record: 900,
                stamp: Instant(microseconds: 1_790_000_000_000_000), lastIndex: 900, durableIndex: 899,
                committedIndex: 890, patientDigest: digests[0], appointmentDigest: digests[1],
                auditDigest: digests[2], freeBytes: 1 << 33, clock: Instant(microseconds: -5),
                clockTrust: .ahead)),
        .fetch(FrameRequest(first: 12, last: 13)),
        .fetched(first: 12, committed: 12, frames: [frame]),
        .fetched(first: 12, committed: 12, frames: []),
        .retired,
        .saved(
            BackupNotice(
                id: .max, credential: "admin-1", destination: "/mnt/ä", manifest: 300, hash: digests[0], index: 900,
                position: 5000)),
        .savedNoted(7),
        .readIndexAsked(token: 7), .readIndex(token: 7, 300),
    ]

    @Test func `every message comes back as it was said`() throws {
        for message in Self.messages { #expect(try PeerCodec.decode(PeerCodec.encode(message)) == message) }
        for message in Self.messages {
            guard case .figures(var figures) = message else { continue }
            for trouble in [.failed, .unescrowed, .all] as [BackupTrouble] {
                figures.backupTrouble = trouble
                #expect(try PeerCodec.decode(PeerCodec.encode(.figures(figures))) == .figures(figures))
            }
            for wrong in [0, 4] as [UInt8] {
                #expect(throws: ByteError.malformed) { try PeerCodec.decode(PeerCodec.encode(message) + [wrong]) }
            }
        }
    }

    @Test func `the bytes are those agreed on`() throws {
        var writer = ByteWriter()
        for message in Self.messages { writer.counted(PeerCodec.encode(message)) }
        let golden = try Fixture.bytes("peers/v1/messages.bin", orWrite: writer.bytes)
        #expect(golden == writer.bytes)
        var reader = ByteReader(golden)
        for message in Self.messages {
            #expect(try PeerCodec.decode(reader.array(reader.count(atMost: reader.remaining))) == message)
        }
        #expect(reader.isAtEnd)
    }

    @Test func `all that a fuzzer of messages was given or found is read without harm, changed anywhere too`() throws {
        for (number, message) in Self.messages.enumerated() {
            _ = try Fixture.bytes("fuzz/peers/message-\(number)", orWrite: PeerCodec.encode(message))
        }
        let names = try Fixture.names("fuzz/peers")
        #expect(names.count >= Self.messages.count)
        for name in names {
            let bytes = try Fixture.bytes("fuzz/peers/" + name, orWrite: [])
            PeerFuzzing.run(bytes)
            for index in bytes.indices.prefix(300) {
                for bit in 0..<8 {
                    var turned = bytes
                    turned[index] ^= 1 << UInt8(bit)
                    PeerFuzzing.run(turned)
                }
            }
        }
        #expect(PeerFuzzing.run(PeerCodec.encode(.retired)) > 0)
    }

    @Test func `a term or an index from which nobody can count on is none`() {
        for number in [UInt64(1) << 62, .max] {
            for message in [
                Self.raft(.preVoteAnswer(asked: number, granted: true)), Self.raft(.appendAnswer(match: number)),
                Self.raft(.appendRefused(refused: number, hint: EntryID(index: 1, term: 1))),
                .raft(RaftMessage(from: 2, to: 1, term: number, kind: .termPassed), frames: []),
                .hello(PeerHello(boot: 1, term: number, durable: 1, sightings: [])),
            ] {
                #expect(throws: ByteError.self) { try PeerCodec.decode(PeerCodec.encode(message)) }
            }
        }
    }

    @Test func `a message cut anywhere or with something after it is none`() {
        for message in Self.messages {
            let bytes = PeerCodec.encode(message)
            for count in 0..<bytes.count {
                #expect(throws: ByteError.self) { try PeerCodec.decode(Array(bytes[..<count])) }
            }
            #expect(throws: ByteError.self) { try PeerCodec.decode(bytes + [0]) }
        }
    }

    @Test func `bytes that nobody vouches for are a message or an error, and no message is two byte strings`() {
        var dice = SeededDice(seed: 12)
        var whole = 0
        for round in 0..<20_000 {
            var bytes = PeerCodec.encode(Self.messages[round % Self.messages.count])
            for _ in 0...(dice.next() % 3) {
                bytes[Int(dice.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: dice.next())
            }
            guard let message = try? PeerCodec.decode(bytes) else { continue }
            whole += 1
            #expect(PeerCodec.encode(message) == bytes)
        }
        #expect(whole > 1000)
    }

    /// Ahead of the frames that it asks about it would be refused, and they would all be sent again.
    @Test func `an append without frames waits behind frames, and nothing else does`() {
        func message(_ kind: RaftMessage.Kind) -> PeerMessage {
            .raft(RaftMessage(from: 1, to: 2, term: 3, kind: kind), frames: [])
        }
        let previous = EntryID(index: 9, term: 3)
        #expect(!message(.append(previous: previous, count: 0, entryTerm: 3, commit: 4)).isSmall)
        #expect(message(.heartbeat(commit: 4, round: 0)).isSmall)
        #expect(message(.appendRefused(refused: 9, hint: previous)).isSmall)
        #expect(message(.timeoutNow).isSmall && PeerMessage.retired.isSmall)
    }
}

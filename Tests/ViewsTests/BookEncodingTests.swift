import Bytes
import Foundation
import Records
import Testing

@testable import Views

@Suite struct BookEncodingTests {
    @Test(arguments: [UInt64(1), 2]) func `a book comes back from its pieces and goes on`(
        seed: UInt64
    ) throws {
        var history = History(seed: seed)
        var book = Book(folding: history.steps(400))
        for patient in book.takeStale(limit: 9) {
            book.index(patient: patient.stream, keys: [1, 2, UInt64(seed) << 40])
        }
        var decoded = try Self.decode(book.pieces)
        #expect(decoded.encoded == book.encoded)
        #expect(
            decoded.digests == book.digests && decoded.cut == book.cut
                && decoded.lastStamp == book.lastStamp)
        let later = history.steps(300)
        book.fold(later)
        decoded.fold(later)
        #expect(decoded.encoded == book.encoded && decoded.digests == book.digests)
        #expect(decoded.takeStale(limit: .max) == book.takeStale(limit: .max))
        for status in AppointmentStatus.allCases {
            #expect(
                decoded.appointmentCount(status: status, tenant: 1)
                    == book.appointmentCount(status: status, tenant: 1))
        }
        for number in 0..<book.streamCount {
            let stream = StreamOrdinal(raw: UInt32(number))
            let row = book.row(stream)
            #expect(decoded.row(stream) == row && decoded.stream(tag: row.tag) == stream)
            #expect(decoded.stream(token: row.token, tenant: row.tenant) == stream)
        }
    }

    @Test func `a book of nothing comes back`() throws {
        #expect(try Self.decode(Book().pieces).encoded == Book().encoded)
    }

    @Test func `long lists come back in runs`() throws {
        var book = Book()
        for number in 1...20_000 as ClosedRange<UInt64> {
            book.apply(
                RecordFacts(
                    number: number, stamp: Instant(microseconds: Int64(number)), tenant: 1, actor: 5,
                    behalf: 0,
                    code: .accessed, outcome: .success, subjects: number % 3 == 0 ? [1, 2] : [2],
                    leafPrefix: number))
        }
        let pieces = book.pieces
        let decoded = try Self.decode(pieces)
        #expect(decoded.encoded == book.encoded)
        #expect(
            decoded.auditItems(.subject(1), in: 0..<6666) == book.auditItems(.subject(1), in: 0..<6666))
        for piece in pieces { #expect(piece.count <= 65_536) }
    }

    @Test func `pieces that are cut, lost, doubled or changed never make another book`() throws {
        var history = History(seed: 3)
        let book = Book(folding: history.steps(30))
        let pieces = book.pieces
        for number in pieces.indices {
            var lost = pieces
            lost.remove(at: number)
            #expect(throws: ByteError.self) { try Self.decode(lost) }
            var cut = pieces
            cut[number].removeLast()
            #expect(throws: ByteError.self) { try Self.decode(cut) }
            guard pieces[number].count > 1 else { continue }
            var doubled = pieces
            doubled.insert(pieces[number], at: number)
            #expect(throws: ByteError.self) { try Self.decode(doubled) }
        }
        // Rows are under the digests; a flipped bit in them is found even without a seal.
        let rows = pieces.indices.filter { [BookSection.streams.rawValue, 6].contains(pieces[$0][0]) }
        for number in rows {
            for at in stride(from: 0, to: pieces[number].count, by: 5) {
                var flipped = pieces
                flipped[number][at] ^= 1 << UInt8(at % 8)
                if let decoded = try? Self.decode(flipped) {
                    #expect(decoded.row(StreamOrdinal(raw: 0)) == book.row(StreamOrdinal(raw: 0)))
                }
            }
        }
    }

    private static func unsteady() -> Book {
        var history = History(seed: 1)
        var book = Book(folding: history.steps(40))
        for patient in book.takeStale(limit: 2) { book.index(patient: patient.stream, keys: [7, 8]) }
        return book
    }

    private static func golden(_ name: String) throws -> Book {
        var reader = ByteReader(try Fixture.bytes(name))
        var pieces: [[UInt8]] = []
        while !reader.isAtEnd { pieces.append(try reader.array(try reader.count(atMost: 65_536))) }
        return try decode(pieces)
    }

    @Test func `versions 1 and 2 of the encoding stay readable, and say of no stream that it is steady`() throws {
        for (name, book) in [("book.bin", Self.unsteady()), ("book-2.bin", Self.rewound())] {
            let read = try Self.golden(name)
            #expect(read.digests == book.digests && read.foldedRewinds == book.foldedRewinds)
            for number in 0..<read.streamCount { #expect(!read.row(StreamOrdinal(raw: UInt32(number))).isSteady) }
        }
    }

    @Test func `a steady stream was live under the same subjects at all its versions`() throws {
        var history = History(seed: 9)
        var book = Book()
        var seen: [UInt64: [(state: StreamState, subjects: [UInt64])]] = [:]
        for step in history.steps(400) {
            book.fold(step)
            for number in 0..<book.streamCount {
                let row = book.row(StreamOrdinal(raw: UInt32(number)))
                seen[row.tag, default: []].append((row.state, row.subjects))
            }
        }
        var steady = 0
        for number in 0..<book.streamCount {
            let row = book.row(StreamOrdinal(raw: UInt32(number)))
            guard row.isSteady else { continue }
            #expect(seen[row.tag]?.allSatisfy { $0.state == .live && $0.subjects == row.subjects } == true)
            steady += 1
        }
        #expect(steady > 0 && steady < book.streamCount)
        let back = Self.rewound()
        let vanished = (0..<back.streamCount).map { back.row(StreamOrdinal(raw: UInt32($0))) }.filter {
            $0.state == .absent
        }
        #expect(!vanished.isEmpty && vanished.allSatisfy { !$0.isSteady })
    }

    /// A history that goes back twice, the second time behind the first rewind's target.
    private static func rewound() -> Book {
        var history = History(seed: 4)
        var book = Book(folding: history.steps(60))
        for target in [UInt64(30), 12] {
            let changed = book.streams(changedAfter: target)
            let facts = RewindFacts(
                position: book.position + 1, target: target,
                streams: changed.map { stream in
                    let row = book.row(stream)
                    let isThere = book.standing(of: stream, through: target) != nil
                    return RewoundStream(
                        tag: row.tag, version: row.version + 1, state: isThere ? .live : .absent,
                        subjects: isThere ? row.subjects : [],
                        appointment: isThere ? row.appointment ?? Self.proposed(row) : nil)
                }, leafPrefix: target)
            precondition(book.follows(facts))
            book.apply(
                facts,
                of: TransactionFacts(
                    stamp: Instant(microseconds: book.lastStamp.microseconds + 1), tenant: 1, actor: 3, behalf: 0,
                    events: []))
        }
        return book
    }

    private static func proposed(_ row: StreamRow) -> AppointmentFacts? {
        row.category == .appointment ? AppointmentFacts(status: .proposed) : nil
    }

    @Test func `a book with rewinds comes back, and its third version stays readable`() throws {
        let book = Self.rewound()
        let decoded = try Self.decode(book.pieces)
        #expect(decoded.encoded == book.encoded && decoded.digests == book.digests)
        #expect(decoded.foldedRewinds == book.foldedRewinds && book.foldedRewinds.count == 2)
        for number in 0..<book.streamCount {
            let stream = StreamOrdinal(raw: UInt32(number))
            #expect(decoded.row(stream) == book.row(stream))
            let chain = book.positions(of: stream, through: book.position)
            #expect(decoded.positions(of: stream, through: book.position) == chain)
            #expect(UInt32(chain.count) == book.row(stream).version)
            for link in chain { #expect(decoded.content(at: link, of: stream) == book.content(at: link, of: stream)) }
        }
        for status in AppointmentStatus.allCases {
            #expect(
                decoded.appointmentCount(status: status, tenant: 1)
                    == book.appointmentCount(status: status, tenant: 1))
        }
        var writer = ByteWriter()
        for piece in book.pieces { writer.counted(piece) }
        #expect(writer.bytes == (try Fixture.bytes("book-3.bin", orWrite: writer.bytes)))
        // Rows of rewinds are checked for form and order.
        for number in book.pieces.indices where book.pieces[number][0] >= BookSection.rewinds.rawValue {
            for at in 1..<book.pieces[number].count {
                var pieces = book.pieces
                pieces[number].remove(at: at)
                #expect(throws: ByteError.self) { try Self.decode(pieces) }
            }
        }
    }

    /// Another thread, at its slowest: the work is done when it is waited for.
    private struct Late: Beside {
        func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> () -> Value { work }
    }

    @Test func `what is done beside the reading may come at its very end`() throws {
        let book = Self.rewound()
        let read = try Self.decode(book.pieces, beside: Late())
        #expect(read.encoded == book.encoded && read.digests == book.digests)
        for number in 0..<book.streamCount {
            let stream = StreamOrdinal(raw: UInt32(number))
            let row = book.row(stream)
            #expect(read.stream(tag: row.tag) == stream && read.stream(token: row.token, tenant: row.tenant) == stream)
            for subject in row.subjects {
                #expect(read.streams(ofSubject: subject) == book.streams(ofSubject: subject))
            }
        }
        // A stream said twice is found out there too.
        let at = try #require(book.pieces.firstIndex { $0[0] == BookSection.streams.rawValue })
        for late in [false, true] {
            var pieces = book.pieces
            // The tag of the second row is made the first one's: rows have a length of their own, so both are looked for.
            let first = Array(pieces[at][1..<9])
            let tags = (0..<book.streamCount).map { book.row(StreamOrdinal(raw: UInt32($0))).tag }
            let second = (0..<8).map { UInt8(truncatingIfNeeded: tags[1] >> UInt64(8 * $0)) }
            let place = try #require((9..<pieces[at].count - 8).first { Array(pieces[at][$0..<$0 + 8]) == second })
            pieces[at].replaceSubrange(place..<place + 8, with: first)
            #expect(throws: ByteError.self) {
                try late ? Self.decode(pieces, beside: Late()) : Self.decode(pieces)
            }
        }
    }

    static func decode(_ pieces: [[UInt8]], beside: any Beside = InTurn()) throws -> Book {
        var decoder = BookDecoder(beside: beside)
        for piece in pieces { try decoder.take(piece) }
        return try decoder.finish()
    }
}

/// Golden files of this room, Fixtures/views/v1.
enum Fixture {
    /// The file's bytes; with UPDATE_FIXTURES=1 it is written first, where anything can still write it.
    static func bytes(_ name: String, orWrite bytes: [UInt8]? = nil) throws -> [UInt8] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let directory = root.appending(path: "Fixtures/views/v1")
        let file = directory.appending(path: name)
        if let bytes, ProcessInfo.processInfo.environment["UPDATE_FIXTURES"] == "1" {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
        return Array(try Data(contentsOf: file))
    }
}

internal import Bytes
internal import Keys
internal import Records
internal import Views

/// Where the next page of a history or a search begins. It leaves sealed: it names what was asked for, which is PHI,
/// and a link may be kept. It binds the cut, so pages of one search fit together, and the credential it was made for;
/// every page is authorised and recorded anew.
struct ReadCursor {
    static let version: UInt8 = 1
    /// Seconds for which a cursor can be followed.
    static let lifeSeconds: Int64 = 3600
    static let nameBytesMax = 64

    var kind: ViewKind
    /// Of a history the resource's id; of a search nil.
    var name: String?
    var query: SearchQuery?
    var cut: Cut
    /// Where to go on, as the reader that made it counts.
    var next: UInt64
    var count: Int
}

extension Problem {
    static var badCursor: Problem {
        Problem(.badCursor, "This link has expired or is not of this search: search again.")
    }
}

extension Replica {
    func seal(_ cursor: ReadCursor, _ context: ReadContext) throws(Problem) -> String {
        var writer = ByteWriter(reserving: 256)
        writer.u8(ReadCursor.version)
        writer.u64(UInt64(bitPattern: clock.wall.microseconds / 1_000_000 + ReadCursor.lifeSeconds))
        writer.u8(UInt8(ViewKind.allCases.firstIndex(of: cursor.kind) ?? 0))
        writer.varint(cursor.cut.position)
        writer.varint(cursor.cut.record)
        writer.varint(cursor.next)
        writer.varint(cursor.count)
        if let query = cursor.query {
            writer.u8(1)
            SearchCodec.write(query, onto: &writer)
        } else {
            writer.u8(0)
            writer.counted(Array((cursor.name ?? "").utf8))
        }
        do throws(KeyError) {
            var sealed: [UInt8] = []
            try crypto.seal(
                writer.bytes, in: 0..<writer.count, key: try ring.cursorKey(), nonce: dice.bytes(Crypto.nonceBytes),
                associated: Array(context.credential.id.utf8), onto: &sealed)
            return Base64.urlText(of: sealed)
        } catch {
            throw Problem(.internalError, "A key could not be used; see the replica's log.")
        }
    }

    func open(cursor text: String, _ context: ReadContext) throws(Problem) -> ReadCursor {
        guard let sealed = Base64.urlBytes(of: text.utf8) else { throw .badCursor }
        var plain: [UInt8] = []
        do throws(KeyError) {
            try crypto.open(
                sealed, in: 0..<sealed.count, key: try ring.cursorKey(),
                associated: Array(context.credential.id.utf8), onto: &plain)
        } catch {
            throw .badCursor
        }
        guard let (cursor, expires) = try? Self.decode(plain),
            clock.wall.microseconds / 1_000_000 < expires, cursor.cut.position <= book.position,
            cursor.cut.record <= book.record
        else { throw .badCursor }
        return cursor
    }

    private static func decode(_ plain: [UInt8]) throws(ByteError) -> (ReadCursor, Int64) {
        var reader = ByteReader(plain)
        guard try reader.u8() == ReadCursor.version else { throw .malformed }
        let expires = Int64(bitPattern: try reader.u64())
        let kinds = ViewKind.allCases
        let kind = Int(try reader.u8())
        guard kinds.indices.contains(kind) else { throw .malformed }
        var cursor = ReadCursor(
            kind: kinds[kind], name: nil, query: nil,
            cut: Cut(position: try reader.varint(), record: try reader.varint()), next: try reader.varint(),
            count: try reader.count(atMost: 10_000))
        if try reader.u8() == 1 {
            cursor.query = try SearchCodec.read(&reader, kind: cursor.kind)
        } else {
            let count = try reader.count(atMost: ReadCursor.nameBytesMax)
            cursor.name = String(decoding: try reader.array(count), as: UTF8.self)
        }
        guard reader.isAtEnd else { throw .malformed }
        return (cursor, expires)
    }
}

internal import Bytes
internal import Records
internal import Views

// What of an event or a record can be told without any key but the frame's.
extension Replica {
    /// Key ids of the patients whose data an event is, ascending.
    func subjects(of place: EventPlace, in frame: FrameParts) throws(Problem) -> [UInt64] {
        if let named = try named(place, in: frame) { return named }
        guard place.creation == nil, let stream = book.stream(tag: place.stream) else { return [] }
        var before = book.content(before: place.position, of: stream)
        while before > 0 {
            let (frame, place, _) = try event(at: before)
            if let named = try named(place, in: frame) { return named }
            before = book.content(before: before, of: stream)
        }
        return []
    }

    private func named(_ place: EventPlace, in frame: FrameParts) throws(Problem) -> [UInt64]? {
        do throws(ByteError) { return try place.namedSubjects(in: frame.body) } catch {
            throw Self.damaged(place.position)
        }
    }

    /// The deciding part of a committed record.
    func recordFacts(_ number: UInt64) throws(Problem) -> RecordFacts {
        let frame = try frame(ofRecord: number)
        guard let place = frame.record(number) else { throw Self.damaged(book.position) }
        do throws(ByteError) { return try place.facts(in: frame.body, leafPrefix: 0) } catch {
            throw Self.damaged(book.position)
        }
    }
}

internal import Bytes
internal import Consensus

// Agreement's own messages.
extension PeerCodec {
    private enum Kind: UInt8 {
        case preVoteRequest = 1
        case preVoteAnswer = 2
        case voteRequest = 3
        case voteAnswer = 4
        case append = 5
        case appendAnswer = 6
        case appendRefused = 7
        case heartbeat = 8
        case heartbeatAnswer = 9
        case timeoutNow = 10
        case termPassed = 11
    }

    static func write(_ message: RaftMessage, onto writer: inout ByteWriter) {
        writer.varint(message.from)
        writer.varint(message.to)
        writer.varint(message.term)
        switch message.kind {
        case .preVoteRequest(let asked, let last, let isTransfer):
            writer.u8(Kind.preVoteRequest.rawValue)
            writer.varint(asked)
            write(last, onto: &writer)
            writer.u8(isTransfer ? 1 : 0)
        case .preVoteAnswer(let asked, let granted):
            writer.u8(Kind.preVoteAnswer.rawValue)
            writer.varint(asked)
            writer.u8(granted ? 1 : 0)
        case .voteRequest(let last, let isTransfer):
            writer.u8(Kind.voteRequest.rawValue)
            write(last, onto: &writer)
            writer.u8(isTransfer ? 1 : 0)
        case .voteAnswer(let granted):
            writer.u8(Kind.voteAnswer.rawValue)
            writer.u8(granted ? 1 : 0)
        case .append(let previous, let count, let entryTerm, let commit):
            writer.u8(Kind.append.rawValue)
            write(previous, onto: &writer)
            writer.varint(count)
            writer.varint(entryTerm)
            writer.varint(commit)
        case .appendAnswer(let match):
            writer.u8(Kind.appendAnswer.rawValue)
            writer.varint(match)
        case .appendRefused(let refused, let hint):
            writer.u8(Kind.appendRefused.rawValue)
            writer.varint(refused)
            write(hint, onto: &writer)
        case .heartbeat(let commit, let round):
            writer.u8(Kind.heartbeat.rawValue)
            writer.varint(commit)
            writer.varint(round)
        case .heartbeatAnswer(let round, let match):
            writer.u8(Kind.heartbeatAnswer.rawValue)
            writer.varint(round)
            writer.varint(match)
        case .timeoutNow: writer.u8(Kind.timeoutNow.rawValue)
        case .termPassed: writer.u8(Kind.termPassed.rawValue)
        }
    }

    static func raft(_ reader: inout ByteReader) throws(ByteError) -> RaftMessage {
        let from = try id(&reader)
        let to = try id(&reader)
        let term = try number(&reader)
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .malformed }
        return RaftMessage(from: from, to: to, term: term, kind: try read(kind, &reader))
    }

    private static func read(_ kind: Kind, _ reader: inout ByteReader) throws(ByteError) -> RaftMessage.Kind {
        switch kind {
        case .preVoteRequest:
            let asked = try number(&reader)
            let last = try entry(&reader)
            return .preVoteRequest(asked: asked, last: last, isTransfer: try flag(&reader))
        case .preVoteAnswer:
            let asked = try number(&reader)
            return .preVoteAnswer(asked: asked, granted: try flag(&reader))
        case .voteRequest:
            let last = try entry(&reader)
            return .voteRequest(last: last, isTransfer: try flag(&reader))
        case .voteAnswer: return .voteAnswer(granted: try flag(&reader))
        case .append:
            let previous = try entry(&reader)
            let count = try reader.count(atMost: framesMax)
            let term = try number(&reader)
            return .append(previous: previous, count: count, entryTerm: term, commit: try number(&reader))
        case .appendAnswer: return .appendAnswer(match: try number(&reader))
        case .appendRefused:
            let refused = try number(&reader)
            return .appendRefused(refused: refused, hint: try entry(&reader))
        case .heartbeat:
            let commit = try number(&reader)
            return .heartbeat(commit: commit, round: try number(&reader))
        case .heartbeatAnswer:
            let round = try number(&reader)
            return .heartbeatAnswer(round: round, match: try number(&reader))
        case .timeoutNow: return .timeoutNow
        case .termPassed: return .termPassed
        }
    }

    private static func write(_ entry: EntryID, onto writer: inout ByteWriter) {
        writer.varint(entry.index)
        writer.varint(entry.term)
    }

    private static func entry(_ reader: inout ByteReader) throws(ByteError) -> EntryID {
        let index = try number(&reader)
        return EntryID(index: index, term: try number(&reader))
    }

    /// A term, an index or a round. No honest one is so large that counting on from it could overflow.
    static func number(_ reader: inout ByteReader) throws(ByteError) -> UInt64 {
        let number = try reader.varint()
        guard number < 1 << 62 else { throw .malformed }
        return number
    }

    private static func flag(_ reader: inout ByteReader) throws(ByteError) -> Bool {
        let byte = try reader.u8()
        guard byte <= 1 else { throw .malformed }
        return byte == 1
    }
}

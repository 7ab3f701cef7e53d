// Stands in for Consensus and TermStore until their rooms land; goes away with them.
internal import Bytes
internal import Files
internal import SegmentedLog

struct RaftNode {
    enum Input {
        case started(term: UInt64, lastIndex: UInt64, lastTerm: UInt64), ticked, appended(through: UInt64), persisted(
            through: UInt64), termPersisted(UInt64)
    }
    enum Effect { case persistTerm(UInt64, vote: Int), becamePrimary(UInt64), committed(through: UInt64), steppedDown }
    typealias Effects = [Effect]
    var term: UInt64 = 0
    init(id: Int, voters: [Int]) {}
    mutating func step(_ input: Input, into effects: inout Effects) {
        switch input {
        case .started(let t, _, let last): term = max(t, last) + 1; effects.append(.persistTerm(term, vote: 1))
        case .termPersisted(let term): effects.append(.becamePrimary(term))
        case .persisted(let through): effects.append(.committed(through: through))
        case .ticked, .appended: break
        }
    }
}
final class TermStore<Store: FileStore> {
    var term: UInt64 = 0
    var vote: Int?
    init(_ store: Store, path: String) throws(LogError) {}
    static func create(_ store: Store, path: String) throws(LogError) {}
    func write(term: UInt64, vote: Int?) throws(LogError) { self.term = term }
}

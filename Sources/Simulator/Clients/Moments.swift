internal import Bytes
internal import Records

extension Moment {
    /// As a reader or an operator names it.
    var asOf: AsOf {
        switch self {
        case .stamp(let stamp): .instant(Instant(microseconds: stamp))
        case .position(let position): .position(position)
        }
    }
}

/// Moments that the clients of a world were told of, and those that somebody asked about: what to go back to, and what to
/// ask about again.
struct Moments {
    /// Last positions of transactions, with their stamps, as they were told of.
    private(set) var seen: [(position: UInt64, stamp: Int64)] = []
    private var asked: [Moment] = []
    /// No two orders name the same one, so that what is found in the log tells which of them was carried out.
    private var ordered: [Moment] = []

    private static var askedMax: Int { 64 }

    mutating func saw(_ position: UInt64, _ stamp: Int64) { seen.append((position, stamp)) }

    /// A moment to be asked about; every other one was asked about before.
    ///
    /// - Parameter arrival: About when the question is there.
    mutating func draw(_ chance: inout Chance, arrival: UInt64) -> Moment? {
        if !asked.isEmpty, chance.oneIn(2) { return chance.pick(asked) }
        guard let moment = fresh(&chance, arrival) else { return nil }
        if asked.count < Self.askedMax { asked.append(moment) } else { asked[chance.below(asked.count)] = moment }
        return moment
    }

    private func fresh(_ chance: inout Chance, _ arrival: UInt64) -> Moment? {
        guard !seen.isEmpty else { return nil }
        let one = chance.pick(seen)
        switch chance.below(10) {
        case 0: return .stamp(one.stamp)
        case 1: return .stamp(one.stamp - 1)
        case 2: return .stamp(one.stamp + 1)
        case 3: return .stamp(one.stamp + Int64(chance.below(2_000_000)))
        // The present: what is stamped already and not decided yet belongs to it, or it is not over yet.
        case 4...6:
            let age = chance.below(chance.pick([2_000, 20_000, 200_000] as [UInt64]))
            return .stamp(Process.epoch + Int64(arrival) - Int64(age))
        case 7: return .position(1 + chance.below(one.position))
        default: return .position(one.position)
        }
    }

    /// A moment to go back to, and the number of the order; mostly a young one, so that not everything is undone.
    mutating func order(_ chance: inout Chance) -> (number: Int, moment: Moment)? {
        guard !seen.isEmpty else { return nil }
        let span = chance.oneIn(3) ? seen.count : min(seen.count, 30)
        let one = seen[seen.count - 1 - chance.below(span)]
        let moment: Moment =
            switch chance.below(4) {
            case 0: .position(one.position)
            case 1: .stamp(one.stamp)
            case 2: .stamp(one.stamp - 1)
            default: .stamp(one.stamp + Int64(chance.below(200_000)))
            }
        guard !ordered.contains(moment) else { return nil }
        ordered.append(moment)
        return (ordered.count - 1, moment)
    }

    /// The number of the order to go back to what a rewind names; nil when there was none.
    func order(naming text: String) -> Int? { ordered.firstIndex { $0.asOf.text == text } }
}

/// What one cluster wrote of a log: its id, and where on each line its part begins.
package struct Generation: Equatable, Sendable {
    package let identity: ClusterIdentity
    package let firstSegment: UInt64
    package let firstIndex: UInt64
    /// Of the first event that it may have written; a generation without events shares it with the next one. So with
    /// `firstRecord`.
    package let firstPosition: UInt64
    package let firstRecord: UInt64

    package init(
        identity: ClusterIdentity, firstSegment: UInt64, firstIndex: UInt64, firstPosition: UInt64, firstRecord: UInt64
    ) {
        self.identity = identity
        self.firstSegment = firstSegment
        self.firstIndex = firstIndex
        self.firstPosition = firstPosition
        self.firstRecord = firstRecord
    }

    /// The first of every lineage: all lines from their beginning.
    package static func first(_ identity: ClusterIdentity) -> Generation {
        Generation(identity: identity, firstSegment: 1, firstIndex: 1, firstPosition: 1, firstRecord: 1)
    }

    /// Whether this can come right after another: behind it in segments and entries, not before it in events and records.
    fileprivate func follows(_ before: Generation) -> Bool {
        firstSegment > before.firstSegment && firstIndex > before.firstIndex
            && firstPosition >= before.firstPosition && firstRecord >= before.firstRecord
            // A segment has a frame at least.
            && firstIndex - before.firstIndex >= firstSegment - before.firstSegment
    }
}

/// Whose the segments of a log are. A branch of a store is a new cluster: what it copied keeps the id of the cluster that
/// wrote it, and its keys derive from that; what it writes itself begins in a segment of its own.
///
/// Invariants: 1 to 64 generations, oldest first; the oldest begins with segment, index, position and record 1; no two
/// have the same id.
package struct Lineage: Equatable, Sendable {
    package static let generationsMax = 64

    /// Oldest first.
    package let generations: [Generation]

    /// Of a cluster that descends from no other.
    package init(_ identity: ClusterIdentity) { generations = [.first(identity)] }

    /// - Returns: nil when these are no lineage: see the invariants.
    package init?(_ generations: [Generation]) {
        guard (1...Self.generationsMax).contains(generations.count),
            generations[0] == .first(generations[0].identity),
            zip(generations.dropFirst(), generations).allSatisfy({ $0.follows($1) }),
            Set(generations.map(\.identity)).count == generations.count
        else { return nil }
        self.generations = generations
    }

    /// The lineage of a branch, whose own part comes right after a copy of this log.
    ///
    /// - Parameters:
    ///   - identity: the branch's own id.
    ///   - end: where the copy ends.
    ///   - segment: the last segment of the copy.
    /// - Returns: nil when the id is one of the ancestors', there are 64 of them already, or the copy ends before the
    ///   newest of them wrote anything.
    package func branched(to identity: ClusterIdentity, after end: ChainEnd, in segment: UInt64) -> Lineage? {
        guard segment < .max else { return nil }
        return Lineage(
            generations + [
                Generation(
                    identity: identity, firstSegment: segment + 1, firstIndex: end.nextIndex,
                    firstPosition: end.nextPosition, firstRecord: end.nextRecord)
            ])
    }

    package var oldest: Generation { generations[0] }
    package var newest: Generation { generations[generations.count - 1] }
    /// The id of the cluster that writes this log now.
    package var current: ClusterIdentity { newest.identity }

    /// The id that a segment is written under; of numbers below 1 the oldest one. So with the other lines.
    package func identity(ofSegment segment: UInt64) -> ClusterIdentity {
        generations[place(ofSegment: segment)].identity
    }

    package func identity(ofIndex index: UInt64) -> ClusterIdentity { last { $0.firstIndex <= index }.identity }

    package func identity(ofPosition position: UInt64) -> ClusterIdentity {
        last { $0.firstPosition <= position }.identity
    }

    package func identity(ofRecord record: UInt64) -> ClusterIdentity { last { $0.firstRecord <= record }.identity }

    private func last(where fits: (Generation) -> Bool) -> Generation { generations.last(where: fits) ?? oldest }

    private func place(ofSegment segment: UInt64) -> Int {
        var place = generations.count - 1
        while place > 0, generations[place].firstSegment > segment { place -= 1 }
        return place
    }
}

/// What may stand where.
extension Lineage {
    /// Whether a segment can be this log's: under the id of its generation, and, the first of one, where that begins.
    func admits(_ segment: SegmentHeader) -> Bool {
        let description = segment.description
        let generation = generations[place(ofSegment: description.segment)]
        guard segment.cluster == generation.identity else { return false }
        guard description.segment == generation.firstSegment else {
            return isWithin(ChainEnd(before: segment), description.segment)
                && description.firstIndex > generation.firstIndex
        }
        return description.firstIndex == generation.firstIndex && segment.firstPosition == generation.firstPosition
            && segment.firstRecord == generation.firstRecord
    }

    /// Whether a frame can be this log's: of the generation of its segment, and not reaching into the next one.
    func admits(_ frame: FrameHeader) -> Bool {
        let generation = generations[place(ofSegment: frame.segment)]
        guard frame.cluster == generation.identity, frame.index >= generation.firstIndex, frame.index < .max else {
            return false
        }
        var end = ChainEnd.start
        end.nextIndex = frame.index + 1
        end.nextPosition = frame.nextPosition
        end.nextRecord = frame.nextRecord
        return isWithin(end, frame.segment)
    }

    /// Whether a segment whose last frame is before `end` keeps within its generation.
    func isWithin(_ end: ChainEnd, _ segment: UInt64) -> Bool {
        let next = place(ofSegment: segment) + 1
        guard next < generations.count else { return true }
        return end.nextIndex <= generations[next].firstIndex && end.nextPosition <= generations[next].firstPosition
            && end.nextRecord <= generations[next].firstRecord
    }

    /// Whether the log's own cluster may begin a segment here: it goes on with its own, or its first is due.
    func mayBegin(segment: UInt64, at end: ChainEnd) -> Bool {
        guard segment <= newest.firstSegment else { return true }
        return segment == newest.firstSegment && end.nextIndex == newest.firstIndex
            && end.nextPosition == newest.firstPosition && end.nextRecord == newest.firstRecord
    }
}

internal import Bytes
package import Files
package import Keys

/// A segment to be read from the disk and judged in the background: a closed one whole, one that is not closed frame by
/// frame through what is durable.
package struct ScrubWork: Sendable {
    package let path: String
    package let segment: UInt64
    /// About what there is to read, so that whoever schedules can keep to a rate.
    package let bytes: Int
    let header: SegmentHeader
    /// The last durable frame.
    let through: UInt64
    let isClosed: Bool
    let keys: KeyRing
    let lineage: Lineage
    /// How often the log was cut before.
    let cuts: UInt64

    /// The faults found; empty when every byte is as it was written. Of frames the first that is not whole or does not
    /// follow, and all behind it that do not bear out their own checksums: they are mended together.
    package func carryOut(
        on store: some FileStore, crypto: Crypto, leaves: some LeafReader
    ) throws(LogError) -> [Fault] {
        let key: SecretKey
        do throws(KeyError) { key = try keys.segmentKey(header) } catch { throw .key(error) }
        let faults =
            isClosed
            ? try SegmentCheck(store: store, path: path, number: segment, lineage: lineage, isLast: false)
                .run(after: ChainEnd(before: header), keys: keys, crypto: crypto, leaves: leaves).faults
            : try firstFlaw(reader(store, key), crypto, leaves)
        guard let first = faults.first, case .frame = first.kind, first.index < through else { return faults }
        return faults + (try others(behind: first, reader(store, key)))
    }

    private func reader<Store: FileStore>(_ store: Store, _ key: SecretKey) throws(LogError) -> SegmentReader<Store> {
        do throws(FileError) {
            return try SegmentReader(
                store, path: path, header: header, key: key, readsThrough: true, bodyStep: 1 << 20)
        } catch {
            throw .file(error)
        }
    }

    private func firstFlaw(
        _ reader: SegmentReader<some FileStore>, _ crypto: Crypto, _ leaves: some LeafReader
    ) throws(LogError) -> [Fault] {
        var scan = SegmentScan(header, from: ChainEnd(before: header), keepsLeaves: false)
        try scan.run(reader, through: through, crypto: crypto, leafReader: leaves)
        guard let flaw = scan.flaw else { return [] }
        return [
            Fault(
                index: scan.end.nextIndex, segment: segment, position: scan.end.nextPosition, kind: .frame(flaw))
        ]
    }

    private func others(behind first: Fault, _ reader: SegmentReader<some FileStore>) throws(LogError) -> [Fault] {
        var found: [Fault] = []
        var position = first.position
        for index in (first.index + 1)...through {
            var flaw: FrameFlaw? = .misplaced
            switch try reader.frameHeader(index, lastIndex: through).header {
            case .failure(let failure): flaw = failure
            case .success(let frame):
                let description = header.description
                if frame.cluster == header.cluster, frame.segment == segment, frame.index == index,
                    frame.bodyOffset >= description.bodiesAt,
                    frame.bodyOffset + frame.bodyLength <= description.bodiesEnd
                {
                    position = frame.firstPosition
                    flaw = try reader.isBodyWhole(frame) ? nil : .body
                }
            }
            if let flaw { found.append(Fault(index: index, segment: segment, position: position, kind: .frame(flaw))) }
        }
        return found
    }
}

/// Where the scrub stands.
struct ScrubState {
    /// The segment looked at last, in order.
    var last: UInt64 = 0
    /// Segments to look at before their turn: something in them was found damaged, or repaired.
    var suspects: [UInt64] = []
    /// How often the log was cut: what was found in frames cut since is no damage.
    var cuts: UInt64 = 0
    /// How often all segments were gone through.
    var rounds = 0

    mutating func suspect(_ segment: UInt64) {
        if !suspects.contains(segment) { suspects.append(segment) }
    }
}

/// The scrub: one segment a step, as often as whoever schedules it likes; every one within seven days is what was
/// promised.
extension EntryLog {
    /// Whether a segment is to be looked at before its turn: damage was met in it, or mended.
    package var hasSuspects: Bool { !scrubbing.suspects.isEmpty }

    /// How often the scrub went through all segments in this life.
    package var scrubRounds: Int { scrubbing.rounds }

    /// What scrubs the next segment, the open one among them: first those where damage was just met or repaired, then one
    /// after the other, and from the first again after the last. Nil when there is nothing durable in it.
    package func nextScrub() -> ScrubWork? {
        if !scrubbing.suspects.isEmpty {
            let segment = scrubbing.suspects.removeFirst()
            if let work = scrub(segment) { return work }
        }
        var place = segments.partitioningIndex { $0.header.description.segment > scrubbing.last }
        if place == segments.count {
            place = 0
            scrubbing.rounds += 1
        }
        scrubbing.last = segments[place].header.description.segment
        return scrub(scrubbing.last)
    }

    /// What scrubs one segment; nil when there is no such segment, or nothing in it is durable yet.
    package func scrub(_ segment: UInt64) -> ScrubWork? {
        guard let state = segments.first(where: { $0.header.description.segment == segment }),
            state.firstIndex <= durableIndex
        else { return nil }
        var isClosed = false
        if case .closed = state.phase { isClosed = true }
        return ScrubWork(
            path: path(of: segment), segment: segment, bytes: state.end.bodyOffset, header: state.header,
            through: min(state.lastIndex, durableIndex), isClosed: isClosed, keys: keys, lineage: lineage,
            cuts: scrubbing.cuts)
    }

    /// What a scrub found. Damaged frames are wounds, or, alone, end the log; a footer or spare copy that is not as it
    /// should be is made anew by closing the segment again, which `closable` then offers.
    package func scrubbed(_ work: ScrubWork, faults: [Fault]) {
        guard work.cuts == scrubbing.cuts,
            let place = segments.firstIndex(where: { $0.header == work.header })
        else { return }
        for found in faults where !found.leavesFramesWhole {
            if case .frame(let flaw) = found.kind, found.index <= segments[place].lastIndex {
                _ = damage(flaw, found.index, in: segments[place])
            } else if !(configuration.hasPeers && found.kind == .segmentHeader) {
                note(found)
            }
        }
        // Closing writes both control pages and the footer as they should be.
        let isClosedAnew = faults.contains {
            $0.leavesFramesWhole || (configuration.hasPeers && $0.kind == .segmentHeader)
        }
        if isClosedAnew, case .closed = segments[place].phase { segments[place].phase = .full }
    }
}

internal import Bytes
internal import Files

/// The last segment: what a crash may have torn.
extension LogOpener {
    /// Torn or damaged? Decides by the watermark, and cuts what is torn.
    mutating func judgeTail(
        _ file: FileHandle, _ reader: SegmentReader<Store>, _ scan: SegmentScan, _ pages: ControlPages,
        _ fileBytes: Int
    ) throws(LogError) -> TailVerdict? {
        let header = reader.header
        let description = header.description
        let newest = pages.newest
        let rest = try remains(file, description, fileBytes)
        if let flaw = scan.flaw {
            // A segment gets its name after its first frames were synced, so the first is durable in any case.
            let durable = max(newest?.through ?? 0, description.firstIndex)
            let isKnown = end.nextIndex <= durable
            let countsAsDurable = newest == nil && !(flaw == .blank && rest.table.isEmpty)
            let isForPeers = configuration.hasPeers && scan.headerSurvives
            if isKnown || countsAsDurable || isForPeers {
                note(.frame(flaw), segment: description.segment)
                return nil
            }
        } else if let newest, newest.through >= end.nextIndex {
            note(.frame(.blank), segment: description.segment)
            return nil
        }
        if pages.saysClosed {
            // It was being closed, which begins only once a successor is there.
            note(.segmentMissing, segment: description.segment + 1)
            return nil
        }
        let lastIndex = end.nextIndex - 1
        let isTorn = !rest.table.isEmpty || !rest.bodies.isEmpty
        var watermark = WatermarkState(
            through: lastIndex, sequence: newest?.sequence ?? 0, isSettled: true, durableHash: end.hash,
            durableSum: scan.headersSum)
        let isSettled =
            pages.bothHeaders
            && pages.slots.allSatisfy {
                $0?.through == lastIndex && $0?.hash == end.hash && $0?.headersSum == scan.headersSum
            }
        try files { () throws(FileError) in
            for range in rest.table + rest.bodies {
                try store.write(file, at: range.lowerBound, [UInt8](repeating: 0, count: range.count))
            }
            if !isSettled {
                try settle(file, header, lastIndex, &watermark)
            }
            if isTorn || !isSettled { try store.sync(file) }
        }
        return TailVerdict(
            cutFrom: isTorn ? end.nextIndex : nil, watermark: watermark, fileBytes: max(fileBytes, description.bodiesAt)
        )
    }

    /// Both control pages anew: what is whole now was read from the disk itself.
    private func settle(
        _ file: FileHandle, _ header: SegmentHeader, _ lastIndex: UInt64, _ watermark: inout WatermarkState
    ) throws(FileError) {
        let size = try store.size(file)
        if size < header.description.bodiesAt { try store.truncate(file, to: header.description.bodiesAt) }
        // Slot 0 takes odd sequence numbers, slot 1 even ones.
        let first = watermark.sequence + 1 + watermark.sequence % 2
        for slot in 0...1 {
            let mark = Watermark(
                cluster: header.cluster, segment: header.description.segment, slot: slot,
                sequence: first + UInt64(slot),
                through: lastIndex, hash: end.hash, headersSum: watermark.durableSum)
            try store.write(file, at: header.description.controlAt(slot), mark.controlPage(under: header))
        }
        watermark.sequence = first + 1
    }

    /// The runs of non-zero bytes behind the last whole frame, in table and bodies.
    private func remains(
        _ file: FileHandle, _ description: SegmentDescription, _ fileBytes: Int
    ) throws(LogError) -> (table: [Range<Int>], bodies: [Range<Int>]) {
        let tableEnd = SegmentFormat.tableAt + description.slots * FrameHeader.count
        return try files { () throws(FileError) in
            let table = try nonZero(file, description.headerOffset(of: end.nextIndex), min(tableEnd, fileBytes))
            let bodies = try nonZero(file, end.bodyOffset, fileBytes)
            return (table, bodies)
        }
    }

    private func nonZero(_ file: FileHandle, _ start: Int, _ limit: Int) throws(FileError) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var offset = start
        while offset < limit {
            let bytes = try store.readThrough(file, at: offset, count: min(1 << 20, limit - offset))
            guard !bytes.isEmpty else { break }
            if let first = bytes.firstIndex(where: { $0 != 0 }), let last = bytes.lastIndex(where: { $0 != 0 }) {
                runs.append((offset + first)..<(offset + last + 1))
            }
            offset += bytes.count
        }
        return runs
    }
}

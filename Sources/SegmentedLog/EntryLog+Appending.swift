package import Bytes
internal import Files
internal import Keys

/// Draft -> frame -> staged bytes -> batch -> durable.
extension EntryLog {
    /// Seals a draft as the next frame and stages it. Rolls to a new segment by itself when the tail is full.
    ///
    /// - Precondition: positions, records, stamps and term follow from the last frame; counts and leaves agree.
    /// - Returns: the frame's index.
    /// - Throws: `.damaged` when the log is, `.tooLarge`, `.lineage(.other)` as `reserve` does, `.key`. Nothing is staged
    ///   then.
    @discardableResult
    package func append(_ draft: FrameDraft, dice: inout some Dice) throws(LogError) -> UInt64 {
        if let fault { throw .damaged(fault) }
        precondition(draft.firstPosition == end.nextPosition && draft.firstRecord == end.nextRecord)
        precondition(draft.eventCount == draft.leaves.events.count && draft.recordCount == draft.leaves.records.count)
        precondition(draft.term >= end.term && draft.firstStamp >= end.stamp && draft.lastStamp >= draft.firstStamp)
        _ = try reserve(bodyBytes: draft.body.count, dice: &dice)
        let tail = segments.count - 1
        let start = beginStaging()
        do throws(KeyError) {
            let sealed = try FrameCodec.seal(
                draft, after: end, in: segments[tail].header, key: tailKey, crypto: crypto, dice: &dice,
                onto: &staged.bodies)
            took(
                StoredFrame(header: sealed.bytes, body: Array(staged.bodies[start...])),
                OpenedFrame(header: sealed.header, body: draft.body),
                hash: FrameCodec.hash(header: sealed.bytes, in: 0..<FrameHeader.count, leaves: draft.leaves))
        } catch {
            staged.bodies.removeSubrange(start...)
            throw .key(error)
        }
        return lastIndex
    }

    /// Says where the first staged frame of a batch goes; returns where in `staged.bodies` the next body begins.
    @discardableResult
    func beginStaging() -> Int {
        if staged.frames == 0 {
            staged.bodiesAt = end.bodyOffset
            staged.headersAt = segments[segments.count - 1].header.description.headerOffset(of: end.nextIndex)
        }
        return staged.bodies.count
    }

    /// A frame whose body was staged is the last one from now on.
    func took(_ stored: StoredFrame, _ opened: OpenedFrame, hash: Digest) {
        staged.headers.append(contentsOf: stored.header)
        staged.frames += 1
        let tail = segments.count - 1
        segments[tail].pass(opened.header, hash: hash)
        segments[tail].headersSum = segments[tail].headersSum.map {
            HeadersSum.adding(stored.header, in: 0..<FrameHeader.count, to: $0)
        }
        recent.append(opened)
        window.append(stored, index: opened.header.index)
        trimWindow()
        watermark.idleSince = nil
    }

    private func trimWindow() {
        window.trim(
            bytesMax: configuration.hasPeers ? configuration.sendingBytes : 0, framesMax: configuration.sendingFrames,
            durable: durableIndex)
    }

    /// The segment into which a body of at most so many bytes goes next, after rolling if it would not fit, or if the
    /// tail is an ancestor's: a generation begins with a segment of its own, under its own id and the newest epoch.
    /// Whoever derives a key from the segment's salt asks here before making the body.
    ///
    /// - Throws: `.lineage(.other)` when this log's own cluster may not write here: what it descends from ends elsewhere.
    package func reserve(bodyBytes: Int, dice: inout some Dice) throws(LogError) -> SegmentDescription {
        if let fault { throw .damaged(fault) }
        let state = segments[segments.count - 1]
        let description = state.header.description
        let isEmpty = state.frameCount == 0
        let stored = bodyBytes + FrameCodec.overhead(opensSegment: isEmpty)
        let fits = state.end.bodyOffset + stored <= description.bodiesEnd && state.frameCount < description.slots
        if fits && description.segment >= lineage.newest.firstSegment { return description }
        guard !isEmpty, bodyBytes + FrameCodec.overhead(opensSegment: true) <= configuration.bodyCapacity else {
            throw .tooLarge
        }
        try roll(dice: &dice)
        return segments[segments.count - 1].header.description
    }

    /// Ends the tail and begins its successor, in memory; the successor's file comes with its first frame's batch,
    /// after the tail was synced.
    private func roll(dice: inout some Dice) throws(LogError) {
        let full = segments.count - 1
        guard lineage.mayBegin(segment: lastSegment + 1, at: end) else { throw .lineage(.other) }
        let header = SegmentHeader(
            cluster: identity,
            description: SegmentDescription(
                segment: lastSegment + 1, firstIndex: end.nextIndex,
                keyEpoch: keys.logEpoch, slots: slotsAfter(segments[full]), bodyCapacity: configuration.bodyCapacity,
                salt: Digest(dice.bytes(32))),
            firstPosition: end.nextPosition, firstRecord: end.nextRecord, stampBefore: end.stamp,
            previousHash: end.hash)
        begin(header, key: try segmentKey(header))
    }

    /// Makes a segment the tail. The one before must hold frames.
    func begin(_ header: SegmentHeader, key: SecretKey) {
        let full = segments.count - 1
        precondition(segments[full].frameCount > 0 && header.description.firstIndex == end.nextIndex)
        if staged.frames > 0 { stageTail() }
        segments[full].phase = .full
        segments[full].markSequence = watermark.sequence
        segments.append(
            SegmentState(
                header: header, end: ChainEnd(before: header, term: end.term), firstStamp: end.stamp, phase: .tail,
                index: FrameIndex(header)))
        tailKey = key
        ahead.tailIsNew = true
        ahead.tailFilled = 0
        ahead.hasSpare = false
    }

    /// Takes back a roll whose segment has no frame yet: another primary rolls elsewhere.
    func dropEmptyTail() throws(LogError) {
        guard segments.count > 1, segments[segments.count - 1].frameCount == 0 else { return }
        tailKey = try segmentKey(segments[segments.count - 2].header)
        segments.removeLast()
        segments[segments.count - 1].phase = .tail
        ahead = AheadState(tailFilled: end.bodyOffset)
    }

    /// Room for a quarter more frames than the bodies of the segment before would have filled its table with.
    private func slotsAfter(_ state: SegmentState) -> Int {
        let bodies = max(1, state.end.bodyOffset - state.header.description.bodiesAt)
        let wanted = state.frameCount * configuration.bodyCapacity / bodies * 5 / 4
        return min(max(wanted, configuration.slotsMin), configuration.slotsMax)
    }

    /// Turns the staged frames of the tail into orders.
    func stageTail() {
        let state = segments[segments.count - 1]
        let description = state.header.description
        let path = path(of: description.segment)
        let file = ahead.tailIsNew ? path + SegmentFormat.temporarySuffix : path
        if ahead.tailIsNew {
            // What has its final name was synced before, so its watermark may speak of the frames it comes with.
            watermark = WatermarkState(
                through: state.lastIndex, sequence: 2, isSettled: true, durableHash: watermark.durableHash,
                durableSum: watermark.durableSum)
            staged.orders.append(.make(file))
            staged.orders.append(.fill(file, through: description.bodiesAt))
            for slot in 0...1 {
                staged.orders.append(controlPage(slot, of: state, file: file, sequence: UInt64(slot) + 1))
            }
        }
        staged.orders.append(.write(file, at: staged.bodiesAt, bytes: staged.bodies))
        staged.orders.append(.write(file, at: staged.headersAt, bytes: staged.headers))
        if !ahead.tailIsNew && durableIndex >= state.firstIndex && durableIndex > watermark.through {
            stageWatermark(file)
        }
        staged.orders.append(.sync(file))
        if ahead.tailIsNew {
            staged.orders.append(.rename(file, to: path))
            staged.orders.append(.syncDirectory(directory))
            ahead.tailIsNew = false
        }
        ahead.tailFilled = max(ahead.tailFilled, state.end.bodyOffset)
        staged.bodies = []
        staged.headers = []
        staged.frames = 0
    }

    /// The whole of one control page, but for the zeros: the segment's header and a watermark slot.
    private func controlPage(_ slot: Int, of state: SegmentState, file: String, sequence: UInt64) -> DiskOrder {
        let mark = Watermark(
            cluster: state.header.cluster, segment: state.header.description.segment, slot: slot, sequence: sequence,
            through: state.lastIndex, hash: state.end.hash, headersSum: state.headersSum ?? 0)
        return .write(
            file, at: state.header.description.controlAt(slot), bytes: mark.controlPage(under: state.header))
    }

    /// Writes what is known to be durable into the slot that is not the newest.
    private func stageWatermark(_ file: String) {
        let header = segments[segments.count - 1].header
        let description = header.description
        watermark.sequence += 1
        watermark.through = durableIndex
        watermark.isSettled = false
        let slot = Int((watermark.sequence + 1) % 2)
        let mark = Watermark(
            cluster: header.cluster, segment: description.segment, slot: slot, sequence: watermark.sequence,
            through: durableIndex, hash: watermark.durableHash, headersSum: watermark.durableSum)
        staged.orders.append(
            .write(file, at: description.controlAt(slot) + SegmentFormat.watermarkInPage, bytes: mark.bytes))
    }

    /// Everything staged since the last batch; nil when that is nothing.
    package func takeBatch() -> DiskBatch? {
        guard staged.frames > 0 || !staged.orders.isEmpty else { return nil }
        if staged.frames > 0 { stageTail() }
        return handOut()
    }

    private func handOut() -> DiskBatch {
        batches += 1
        let batch = DiskBatch(
            number: batches, orders: staged.orders, afterwards: fillingAhead(), lastIndex: lastIndex)
        staged = Staging()
        let sum = segments[segments.count - 1].headersSum ?? 0
        inFlight.append(Flight(number: batches, lastIndex: lastIndex, hash: end.hash, headersSum: sum))
        return batch
    }

    /// Keeps the tail's file ahead of its frames, and has the next segment's file ready once the tail is half full.
    private func fillingAhead() -> [DiskOrder] {
        let state = segments[segments.count - 1]
        let description = state.header.description
        guard !ahead.tailIsNew, configuration.fillStep > 0 else { return [] }
        var orders: [DiskOrder] = []
        let path = path(of: description.segment)
        let used = state.end.bodyOffset
        if ahead.tailFilled < min(used + configuration.fillStep / 2, description.bodiesEnd) {
            ahead.tailFilled = min(used + configuration.fillStep, description.bodiesEnd)
            orders.append(.fill(path, through: ahead.tailFilled))
            orders.append(.sync(path))
        }
        let isHalfFull =
            used - description.bodiesAt > description.bodyCapacity / 2 || state.frameCount > description.slots / 2
        if isHalfFull && !ahead.hasSpare {
            let spare = self.path(of: description.segment + 1) + SegmentFormat.temporarySuffix
            ahead.hasSpare = true
            orders.append(.make(spare))
            orders.append(
                .fill(
                    spare,
                    through: SegmentFormat.tableAt + SegmentFormat.wholePages(slotsAfter(state) * FrameHeader.count)
                        + SegmentFormat.pageBytes + min(configuration.fillStep, configuration.bodyCapacity)))
            orders.append(.sync(spare))
        }
        return orders
    }

    /// A batch's orders are done.
    ///
    /// - Precondition: batches are done in the order they were handed out.
    package func persisted(batch number: UInt64) {
        while let flight = inFlight.first, flight.number <= number {
            inFlight.removeFirst()
            guard flight.lastIndex > durableIndex else { continue }
            let count = Int(flight.lastIndex - durableIndex)
            for frame in recent[..<count] { cache.put(frame) }
            recent.removeFirst(count)
            durableIndex = flight.lastIndex
            watermark.durableHash = flight.hash
            watermark.durableSum = flight.headersSum
        }
        trimWindow()
    }

    /// After 5 ms without anything to write: a batch that puts into both slots what is durable. Nil before that, and
    /// when they say so already.
    package func idle(nowMilliseconds now: UInt64) -> DiskBatch? {
        guard staged.frames == 0, staged.orders.isEmpty, inFlight.isEmpty, needsSettling else {
            watermark.idleSince = nil
            return nil
        }
        guard let since = watermark.idleSince else {
            watermark.idleSince = now
            return nil
        }
        return now >= since + 5 ? settle() : nil
    }

    private var needsSettling: Bool {
        fault == nil && (watermark.through < durableIndex || !watermark.isSettled) && !ahead.tailIsNew
    }

    /// The last batch of a life, once everything staged is durable: as `idle`, without waiting. Nil when the slots
    /// already say what is durable, or something is still staged or in flight.
    package func settle() -> DiskBatch? {
        guard staged.frames == 0, staged.orders.isEmpty, inFlight.isEmpty, needsSettling else { return nil }
        let path = path(of: segments[segments.count - 1].header.description.segment)
        stageWatermark(path)
        stageWatermark(path)
        staged.orders.append(.sync(path))
        watermark.isSettled = true
        watermark.idleSince = nil
        return handOut()
    }
}

extension KeyRing {
    /// The key of the segment with this header.
    func segmentKey(_ header: SegmentHeader) throws(KeyError) -> SecretKey {
        try segmentKey(
            clusterID: header.cluster.bytes, segment: header.description.segment,
            salt: header.description.salt.bytes, epoch: header.description.keyEpoch)
    }
}

extension SegmentDescription {
    /// Where control page 0 or 1 begins.
    func controlAt(_ slot: Int) -> Int { slot == 0 ? 0 : secondControlAt }
}

extension Watermark {
    /// Segment header, zeros, this slot: what a control page begins with.
    func controlPage(under header: SegmentHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: SegmentFormat.watermarkInPage + Watermark.count)
        writer.append(header.bytes)
        writer.zeros(SegmentFormat.watermarkInPage - writer.count)
        writer.append(bytes)
        return writer.bytes
    }
}

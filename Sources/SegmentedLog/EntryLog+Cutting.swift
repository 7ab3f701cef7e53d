internal import Bytes
internal import Keys

/// Taking back what agreement decided against.
///
/// Whatever a crash leaves of a cut, opening finds the old tail, the cut one, or whole frames in between, and never
/// damage: successors go first, the newest first, so that the numbers have no gap; then both watermark slots are
/// lowered, so that nothing above them counts as durable; then the headers are zeroed, so that no identity without a body
/// is left; then the bodies. Each is durable before the next, and all of it before anything new is written.
extension EntryLog {
    /// Cuts every frame after `index`, durable or not, in memory at once and on the disk with the next batch. A batch
    /// still under way counts, when it is done, only for what stays.
    ///
    /// Of a damaged log what is damaged is cut as well, so that it is whole then.
    ///
    /// - Precondition: nothing after `index` is committed. So the segment it stands in is neither closed nor being closed.
    /// - Throws: `.damaged` when the frame at `index` or the one after it cannot be read, or the log is damaged and that
    ///   segment is closed. Nothing is cut then.
    package func truncate(after index: UInt64) throws(LogError) {
        precondition(index >= 1)
        try dropEmptyTail()
        guard index < lastIndex || (index == lastIndex && fault != nil) else { return }
        let kept = place(ofIndex: index)
        let header = try header(at: index)
        let hash = try hash(at: index)
        let key = try segmentKey(segments[kept].header)
        if let fault, segments[kept].index == nil { throw .damaged(fault) }
        precondition(segments[kept].phase == .tail || segments[kept].phase == .full)
        if staged.frames > 0 { stageTail() }
        let wasTail = kept == segments.count - 1 && fault == nil
        stageRemoval(ofSegmentsAfter: kept)
        let sequence = wasTail ? watermark.sequence : segments[kept].markSequence
        watermark = WatermarkState(
            through: index, sequence: sequence, isSettled: true, durableHash: watermark.durableHash,
            durableSum: watermark.durableSum)
        stageLowered(segments[kept], hash: hash)
        stageZeros(segments[kept], after: header)
        segments.removeLast(segments.count - kept - 1)
        segments[kept].cut(after: header, hash: hash)
        tailKey = key
        ahead = AheadState(tailFilled: header.bodyOffset + header.bodyLength)
        forget(after: index, hash: hash)
    }

    func hash(at index: UInt64) throws(LogError) -> Digest {
        if index == lastIndex { return end.hash }
        if let next = try? header(at: index + 1) { return next.previousHash }
        let frame = try frame(at: index)
        do throws(ByteError) {
            let leaves = try leafReader.leaves(of: frame, crypto: crypto)
            return FrameCodec.hash(header: frame.header.bytes, in: 0..<FrameHeader.count, leaves: leaves)
        } catch {
            throw damage(.form, index, in: segments[place(ofIndex: index)])
        }
    }

    private func stageRemoval(ofSegmentsAfter kept: Int) {
        let numbers = segments[(kept + 1)...].map(\.header.description.segment) + beyond
        for number in numbers.reversed() {
            staged.orders.append(.remove(path(of: number)))
            staged.orders.append(.syncDirectory(directory))
        }
    }

    /// Both slots of what will be the tail.
    private func stageLowered(_ state: SegmentState, hash: Digest) {
        let description = state.header.description
        let path = path(of: description.segment)
        for _ in 0..<2 {
            watermark.sequence += 1
            let slot = Int((watermark.sequence + 1) % 2)
            let mark = Watermark(
                cluster: state.header.cluster, segment: description.segment, slot: slot, sequence: watermark.sequence,
                through: watermark.through, hash: hash, headersSum: 0)
            staged.orders.append(
                .write(path, at: description.controlAt(slot) + SegmentFormat.watermarkInPage, bytes: mark.bytes))
        }
        staged.orders.append(.sync(path))
    }

    private func stageZeros(_ state: SegmentState, after last: FrameHeader) {
        let description = state.header.description
        let path = path(of: description.segment)
        let headersAt = description.headerOffset(of: last.index + 1)
        let bodiesAt = last.bodyOffset + last.bodyLength
        // How far a damaged segment goes is not known.
        let headersEnd =
            fault == nil ? description.headerOffset(of: state.lastIndex + 1) : description.secondControlAt
        let bodiesEnd = fault == nil ? state.end.bodyOffset : description.bodiesEnd
        guard headersAt < headersEnd || bodiesAt < bodiesEnd else { return }
        staged.orders.append(.zero(path, headersAt..<headersEnd))
        staged.orders.append(.sync(path))
        staged.orders.append(.zero(path, bodiesAt..<bodiesEnd))
        staged.orders.append(.sync(path))
    }

    /// Nothing in memory speaks of the frames after `index` any more.
    private func forget(after index: UInt64, hash: Digest) {
        fault = nil
        run = nil
        beyond = []
        claim = nil
        wounds.removeAll { $0.index > index }
        scrubbing.cuts += 1
        if durableIndex >= index {
            recent = []
            durableIndex = index
            watermark.durableHash = hash
            watermark.durableSum = 0
        } else {
            recent.removeLast(recent.count - Int(index - durableIndex))
        }
        for place in inFlight.indices where inFlight[place].lastIndex > index {
            inFlight[place] = Flight(
                number: inFlight[place].number, lastIndex: index, hash: hash, headersSum: 0)
        }
        window.cut(after: index)
        cache.cut(after: index)
        let tail = segments[segments.count - 1].header.description.segment
        readers.removeAll { $0.header.description.segment >= tail }
    }
}

extension SegmentState {
    /// `last` is the last frame, and the segment takes frames again.
    mutating func cut(after last: FrameHeader, hash: Digest) {
        index?.cut(after: last.index)
        terms.cut(after: last.index)
        end.nextIndex = last.index
        end.pass(last, hash: hash)
        headersSum = nil
        phase = .tail
    }
}

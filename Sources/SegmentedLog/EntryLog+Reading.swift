package import Bytes
internal import Files
internal import Keys

/// Finding and opening frames.
extension EntryLog {
    /// The frame at an index, its checksums, seal and place found right.
    ///
    /// - Throws: `.absent` outside 1 ... `lastIndex`; `.damaged` at and behind the first damage, which is remembered
    ///   when it is found here.
    package func frame(at index: UInt64) throws(LogError) -> OpenedFrame {
        if let fault, index >= fault.index { throw .damaged(fault) }
        guard index >= 1, index <= lastIndex else { throw .absent }
        if index > durableIndex { return recent[Int(index - durableIndex) - 1] }
        if let frame = cache.frame(index) { return frame }
        let frame = try read(index)
        cache.put(frame)
        return frame
    }

    /// The frame's header alone, without opening its body.
    package func header(at index: UInt64) throws(LogError) -> FrameHeader {
        if let fault, index >= fault.index { throw .damaged(fault) }
        guard index >= 1, index <= lastIndex else { throw .absent }
        if index > durableIndex { return recent[Int(index - durableIndex) - 1].header }
        if let frame = cache.frame(index) { return frame.header }
        let state = segments[place(ofIndex: index)]
        return try header(index, in: state, with: try reader(for: state))
    }

    private func read(_ index: UInt64) throws(LogError) -> OpenedFrame {
        let state = segments[place(ofIndex: index)]
        let reader = try reader(for: state)
        let header = try header(index, in: state, with: reader)
        switch try reader.open(header, bodiesEnd: bodiesEnd(state, header), crypto: crypto) {
        case .success(let frame): return frame
        case .failure(let flaw): throw damage(flaw, index, in: state)
        }
    }

    private func header(
        _ index: UInt64, in state: SegmentState, with reader: SegmentReader<Store>
    ) throws(LogError) -> FrameHeader {
        let found = try reader.frameHeader(index, lastIndex: min(state.lastIndex, durableIndex))
        guard case .success(let header) = found.header else {
            if case .failure(let flaw) = found.header { throw damage(flaw, index, in: state) }
            throw damage(.header, index, in: state)
        }
        let description = state.header.description
        guard header.cluster == state.header.cluster, header.segment == description.segment, header.index == index,
            header.bodyOffset >= description.bodiesAt,
            header.bodyOffset + header.bodyLength <= description.bodiesEnd
        else { throw damage(.misplaced, index, in: state) }
        return header
    }

    /// A durable frame as stored, with its checksums and place right.
    func storedOnDisk(_ index: UInt64) throws(LogError) -> StoredFrame {
        let state = segments[place(ofIndex: index)]
        let reader = try reader(for: state)
        let header = try header(index, in: state, with: reader)
        switch try reader.stored(header, bodiesEnd: bodiesEnd(state, header)) {
        case .success(let body): return StoredFrame(header: header.bytes, body: body)
        case .failure(let flaw): throw damage(flaw, index, in: state)
        }
    }

    /// How far bodies may be read ahead: what lies behind the last durable frame may be changing.
    private func bodiesEnd(_ state: SegmentState, _ header: FrameHeader) -> Int {
        state.lastIndex <= durableIndex ? state.end.bodyOffset : header.bodyOffset + header.bodyLength
    }

    /// Remembers a flaw found while reading, with the position that can be told from the index of its segment.
    func damage(_ flaw: FrameFlaw, _ index: UInt64, in state: SegmentState) -> LogError {
        let found = fault(flaw, index, in: state)
        // Where one is, more may be: they are not to be met one by one.
        if !wounds.contains(where: { $0.index == index }) { scrubbing.suspect(state.header.description.segment) }
        note(found)
        if configuration.hasPeers { noteLostHeaders(after: index, in: state) }
        return .damaged(fault ?? found)
    }

    private func fault(_ flaw: FrameFlaw, _ index: UInt64, in state: SegmentState) -> Fault {
        var position = state.header.firstPosition
        if let known = try? knownIndex(of: state) { position = known.position(of: index) }
        return Fault(index: index, segment: state.header.description.segment, position: position, kind: .frame(flaw))
    }

    /// A frame whose header is lost is known by the next one's, so those that are lost with it are wanted as well.
    private func noteLostHeaders(after index: UInt64, in state: SegmentState) {
        guard let reader = try? reader(for: state) else { return }
        var next = index
        while next <= min(state.lastIndex, durableIndex) {
            guard let found = try? reader.frameHeader(next, lastIndex: min(state.lastIndex, durableIndex)),
                case .failure(let flaw) = found.header
            else { return }
            note(fault(flaw, next, in: state))
            next += 1
        }
    }

    /// Index of the frame that holds an event; nil when there is no such event (yet).
    package func index(ofPosition position: UInt64) throws(LogError) -> UInt64? {
        guard position >= 1, position < end.nextPosition else {
            if let fault, position >= end.nextPosition { throw .damaged(fault) }
            return nil
        }
        let place = segments.partitioningIndex { $0.header.firstPosition > position } - 1
        return try index(of: segments[place]).index(ofPosition: position)
    }

    /// Index of the frame that holds a record; nil when there is no such record (yet).
    package func index(ofRecord record: UInt64) throws(LogError) -> UInt64? {
        guard record >= 1, record < end.nextRecord else {
            if let fault, record >= end.nextRecord { throw .damaged(fault) }
            return nil
        }
        let place = segments.partitioningIndex { $0.header.firstRecord > record } - 1
        return try index(of: segments[place]).index(ofRecord: record)
    }

    /// Index of the last frame whose first stamp is not after the instant: no later frame holds anything that old.
    /// 0 when there is none.
    package func lastIndex(stampedAtOrBefore instant: Instant) throws(LogError) -> UInt64 {
        let place = segments.partitioningIndex { $0.frameCount == 0 || $0.firstStamp > instant } - 1
        guard place >= 0 else { return 0 }
        return try index(of: segments[place]).lastIndex(stampedAtOrBefore: instant)
    }

    func place(ofIndex index: UInt64) -> Int { segments.partitioningIndex { $0.firstIndex > index } - 1 }

    /// The index of a segment: kept, or read from the footer, or, where that does not match its checksum, made from
    /// the headers.
    private func index(of state: SegmentState) throws(LogError) -> FrameIndex {
        if let index = try knownIndex(of: state) { return index }
        let reader = try reader(for: state)
        var index = FrameIndex(state.header)
        for frame in state.firstIndex...state.lastIndex { index.append(try header(frame, in: state, with: reader)) }
        keep(index)
        return index
    }

    private func knownIndex(of state: SegmentState) throws(LogError) -> FrameIndex? {
        if let index = state.index { return index }
        if let index = indexes.first(where: { $0.firstIndex == state.firstIndex }) { return index }
        guard case .closed(let footer) = state.phase else { return nil }
        let index = try footerIndex(footer, of: state, with: try reader(for: state))
        if let index { keep(index) }
        return index
    }

    private func keep(_ index: FrameIndex) {
        if indexes.count == 8 { indexes.removeFirst() }
        indexes.append(index)
    }

    private func footerIndex(
        _ footer: SegmentTrailer, of state: SegmentState, with reader: SegmentReader<Store>
    ) throws(LogError) -> FrameIndex? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try store.read(reader.file, at: footer.indexAt, count: footer.indexBytes)
        } catch {
            throw .file(error)
        }
        guard Checksum.crc32c(bytes) == footer.indexChecksum else { return nil }
        do throws(ByteError) {
            return try FrameIndex(state.header, bytes: bytes, count: footer.frameCount)
        } catch {
            return nil
        }
    }

    /// An open file of the segment; the few used last stay open.
    private func reader(for state: SegmentState) throws(LogError) -> SegmentReader<Store> {
        let segment = state.header.description.segment
        if let place = readers.firstIndex(where: { $0.header.description.segment == segment }) {
            if place != readers.count - 1 { readers.append(readers.remove(at: place)) }
            return readers[readers.count - 1]
        }
        let key: SecretKey
        do throws(KeyError) {
            key = state.phase == .tail ? tailKey : try keys.segmentKey(state.header)
        } catch {
            throw .key(error)
        }
        do throws(FileError) {
            let reader = try SegmentReader(store, path: path(of: segment), header: state.header, key: key)
            if readers.count == 8 { readers.removeFirst() }
            readers.append(reader)
            return reader
        } catch {
            throw .file(error)
        }
    }
}

extension FrameIndex {
    /// Position of the first event from a frame on.
    func position(of index: UInt64) -> UInt64 {
        guard index >= firstIndex, index - firstIndex < UInt64(count) else { return firstPosition }
        return firstPosition + UInt64(positions[Int(index - firstIndex)])
    }
}

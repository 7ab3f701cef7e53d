internal import Bytes
internal import Files
internal import Keys

/// One segment file open for reading, with a window on its header table and one on its bodies, so that reading frame
/// after frame costs a call to the store for many of them.
final class SegmentReader<Store: FileStore> {
    let store: Store
    let path: String
    let file: FileHandle
    let header: SegmentHeader
    let key: SecretKey
    /// Past the page cache: what the disk holds.
    let readsThrough: Bool
    private var table = Window(step: 64 * FrameHeader.count)
    private var bodies: Window

    init(
        _ store: Store, path: String, header: SegmentHeader, key: SecretKey, readsThrough: Bool = false,
        bodyStep: Int = 64 << 10
    ) throws(FileError) {
        self.store = store
        self.path = path
        self.header = header
        self.key = key
        self.readsThrough = readsThrough
        bodies = Window(step: bodyStep)
        file = try store.open(path, .read)
    }

    deinit { store.close(file) }

    /// The header of a frame. Places after `lastIndex` may be changing: none of them is kept.
    func frameHeader(_ index: UInt64, lastIndex: UInt64) throws(LogError) -> FoundHeader {
        let offset = header.description.headerOffset(of: index)
        let limit = header.description.headerOffset(of: lastIndex + 1)
        let range = try look(&table, at: offset, count: FrameHeader.count, limit: limit)
        guard range.count == FrameHeader.count else {
            let isBlank = table.bytes[range].allSatisfy { $0 == 0 }
            return FoundHeader(header: .failure(isBlank ? .blank : .header), bytes: table.bytes, range: range)
        }
        do throws(FrameFlaw) {
            let found = try FrameHeader(table.bytes, at: range.lowerBound)
            return FoundHeader(header: .success(found), bytes: table.bytes, range: range)
        } catch {
            return FoundHeader(header: .failure(error), bytes: table.bytes, range: range)
        }
    }

    /// The opened frame of a header that was checked.
    func open(_ frame: FrameHeader, bodiesEnd: Int, crypto: Crypto) throws(LogError) -> Result<OpenedFrame, FrameFlaw> {
        let range = try look(&bodies, at: frame.bodyOffset, count: frame.bodyLength, limit: bodiesEnd)
        do throws(OpenFailure) {
            return .success(
                try FrameCodec.open(
                    frame, stored: bodies.bytes, in: range, of: header.description, key: key, crypto: crypto))
        } catch {
            switch error {
            case .flaw(let flaw): return .failure(flaw)
            case .key(let failure): throw .key(failure)
            }
        }
    }

    /// The first places of the header table.
    func headers(_ count: Int) throws(LogError) -> [UInt8] {
        do throws(FileError) {
            let bytes = count * FrameHeader.count
            return try readsThrough
                ? store.readThrough(file, at: SegmentFormat.tableAt, count: bytes)
                : store.read(file, at: SegmentFormat.tableAt, count: bytes)
        } catch {
            throw .file(error)
        }
    }

    /// Whether the stored body of a header that was checked has its checksum.
    func isBodyWhole(_ frame: FrameHeader) throws(LogError) -> Bool {
        let limit = header.description.bodiesEnd
        let range = try look(&bodies, at: frame.bodyOffset, count: frame.bodyLength, limit: limit)
        return range.count == frame.bodyLength && Checksum.crc32c(bodies.bytes, in: range) == frame.bodyChecksum
    }

    /// The stored body of a header that was checked, its checksum right.
    func stored(_ frame: FrameHeader, bodiesEnd: Int) throws(LogError) -> Result<[UInt8], FrameFlaw> {
        let range = try look(&bodies, at: frame.bodyOffset, count: frame.bodyLength, limit: bodiesEnd)
        guard range.count == frame.bodyLength, Checksum.crc32c(bodies.bytes, in: range) == frame.bodyChecksum else {
            return .failure(.body)
        }
        return .success(Array(bodies.bytes[range]))
    }

    private func look(_ window: inout Window, at offset: Int, count: Int, limit: Int) throws(LogError) -> Range<Int> {
        if let range = window.range(at: offset, count: count) { return range }
        let wanted = max(count, min(window.step, limit - offset))
        do throws(FileError) {
            window.start = offset
            window.bytes =
                try readsThrough
                ? store.readThrough(file, at: offset, count: wanted) : store.read(file, at: offset, count: wanted)
        } catch {
            window.bytes = []
            throw .file(error)
        }
        return 0..<min(count, window.bytes.count)
    }
}

/// What stands in one place of the header table, and its bytes.
struct FoundHeader {
    let header: Result<FrameHeader, FrameFlaw>
    let bytes: [UInt8]
    let range: Range<Int>
}

/// A run of bytes of a file.
private struct Window {
    let step: Int
    var bytes: [UInt8] = []
    var start = 0

    init(step: Int) { self.step = step }

    func range(at offset: Int, count: Int) -> Range<Int>? {
        guard offset >= start, offset + count <= start + bytes.count else { return nil }
        return (offset - start)..<(offset - start + count)
    }
}

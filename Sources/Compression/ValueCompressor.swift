internal import Bytes
internal import CLZ4

/// Why bytes are no compressed value.
package enum CompressionError: Error, Equatable, Sendable {
    /// Not of the form: an unknown form byte, bytes missing or too many, a length that the data do not have.
    case malformed
    /// It says to be longer than the reader takes.
    case tooLong
}

/// Compresses and expands values one by one, each against a dictionary that is a constant of the format. One for each
/// thread.
///
/// A compressed value is a form byte (0 stored, else LZ4 against the dictionary of that number), the plain length as a
/// varint, and the data. No value knows of another: a window shared between values would tell one patient's words by
/// the size of another's.
///
/// Events of the generated clinic (other patients than the dictionary's), 508 bytes on average: the fast LZ4 with the
/// prepared table copied before each value makes 122 bytes in 1.1 us; LZ4HC would make 96 in 12 us, too dear here.
@safe package final class ValueCompressor {
    /// The longest value taken.
    package static let plainBytesMax = 1 << 24

    private let dictionaries: [PreparedDictionary]
    private let work: UnsafeMutablePointer<LZ4_stream_t>

    package init() {
        unsafe work = .allocate(capacity: 1)
        dictionaries = DictionaryID.allCases.map { PreparedDictionary($0.bytes) }
    }

    deinit { unsafe work.deallocate() }

    /// Appends the compressed form of `range`, at most six bytes longer than it.
    ///
    /// - Precondition: `range` lies within `bytes` and is at most `plainBytesMax` long.
    package func compress(
        _ bytes: [UInt8], in range: Range<Int>, dictionary: DictionaryID, onto output: inout [UInt8]
    ) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count && range.count <= Self.plainBytesMax)
        let start = output.count
        appendHead(form: dictionary.rawValue, count: range.count, onto: &output)
        let prepared = dictionaries[Int(dictionary.rawValue) - 1]
        var written = 0
        output.append(addingCapacity: range.count) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, filled in
                written = unsafe bytes.withUnsafeBytes { source in
                    unsafe squeeze(
                        UnsafeRawBufferPointer(rebasing: source[range]), against: prepared,
                        into: UnsafeMutableRawBufferPointer(target))
                }
                filled = written
            }
        }
        if written == 0 {
            output.removeSubrange(start...)
            appendHead(form: 0, count: range.count, onto: &output)
            output.append(contentsOf: bytes[range])
        }
    }

    /// Bytes written, fewer than the source has; 0 when it does not shrink.
    private func squeeze(
        _ source: UnsafeRawBufferPointer, against prepared: PreparedDictionary,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard source.count > 1 else { return 0 }
        unsafe clz4_copy(work, prepared.stream)
        return Int(
            unsafe LZ4_compress_fast_continue(
                work, source.assumingMemoryBound(to: CChar.self).baseAddress,
                target.assumingMemoryBound(to: CChar.self).baseAddress, Int32(source.count), Int32(source.count - 1), 1)
        )
    }

    private func appendHead(form: UInt8, count: Int, onto output: inout [UInt8]) {
        output.append(form)
        var rest = count
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }

    /// Appends the plain bytes of the one compressed value that fills `range`. After a throw `output` is as before.
    ///
    /// The bytes may be anybody's: nothing outside `range` and the dictionary is read, and nothing is appended beyond
    /// the length that the value states, which is at most `limit`.
    package func expand(
        _ bytes: [UInt8], in range: Range<Int>, atMost limit: Int = plainBytesMax, onto output: inout [UInt8]
    ) throws(CompressionError) {
        let head = try Self.head(of: bytes, in: range, atMost: limit)
        guard let dictionary = head.dictionary else {
            guard head.data.count == head.count else { throw .malformed }
            output.append(contentsOf: bytes[head.data])
            return
        }
        // A byte of LZ4 makes at most 255; so a short lie about the length costs no memory.
        guard head.count <= head.data.count * 255 else { throw .malformed }
        let prepared = dictionaries[Int(dictionary.rawValue) - 1]
        var isWhole = false
        output.append(addingCapacity: head.count) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, filled in
                let made = unsafe bytes.withUnsafeBytes { source in
                    unsafe LZ4_decompress_safe_usingDict(
                        UnsafeRawBufferPointer(rebasing: source[head.data]).assumingMemoryBound(to: CChar.self)
                            .baseAddress,
                        UnsafeMutableRawBufferPointer(target).assumingMemoryBound(to: CChar.self).baseAddress,
                        Int32(head.data.count), Int32(head.count),
                        prepared.bytes.assumingMemoryBound(to: CChar.self).baseAddress, Int32(prepared.bytes.count))
                }
                isWhole = Int(made) == head.count
                filled = isWhole ? head.count : 0
            }
        }
        guard isWhole else { throw .malformed }
    }

    /// The plain length that a value states, without expanding it.
    package static func plainCount(of bytes: [UInt8], in range: Range<Int>) throws(CompressionError) -> Int {
        try head(of: bytes, in: range, atMost: plainBytesMax).count
    }

    private struct Head {
        /// nil for a stored value.
        var dictionary: DictionaryID?
        var count: Int
        var data: Range<Int>
    }

    private static func head(
        of bytes: [UInt8], in range: Range<Int>, atMost limit: Int
    ) throws(CompressionError) -> Head {
        var reader = ByteReader(bytes, in: range)
        guard let form = try? reader.u8(), let count = try? reader.varint() else { throw .malformed }
        let dictionary = DictionaryID(rawValue: form)
        guard form == 0 || dictionary != nil else { throw .malformed }
        guard count <= UInt64(min(limit, plainBytesMax)) else { throw .tooLong }
        return Head(dictionary: dictionary, count: Int(count), data: reader.offset..<reader.end)
    }
}

/// A dictionary in memory that does not move, and LZ4's table filled from it once.
@safe private final class PreparedDictionary {
    let bytes: UnsafeMutableRawBufferPointer
    let stream: UnsafeMutablePointer<LZ4_stream_t>

    init(_ dictionary: [UInt8]) {
        unsafe bytes = .allocate(byteCount: dictionary.count, alignment: 16)
        unsafe bytes.copyBytes(from: dictionary)
        unsafe stream = .allocate(capacity: 1)
        unsafe LZ4_initStream(stream, MemoryLayout<LZ4_stream_t>.size)
        unsafe LZ4_loadDict(stream, bytes.assumingMemoryBound(to: CChar.self).baseAddress, Int32(bytes.count))
    }

    deinit {
        unsafe stream.deallocate()
        unsafe bytes.deallocate()
    }
}

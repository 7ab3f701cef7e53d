extension Span<UInt8> {
    /// Eight bytes from `offset` on as a little-endian number.
    ///
    /// - Precondition: they lie within the span.
    @inlinable @inline(__always) package func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= count - 8)
        // `0 <= offset` and `offset + 8 <= count`.
        return unsafe withUnsafeBytes { buffer in
            UInt64(littleEndian: unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
    }
}

internal import Bytes

/// Blocks of nine sizes cut from chunks of 16 KiB; a block given back is handed out again.
///
/// A block is named by its first unit of 8 bytes, plus one, so that 0 names none: 32 GiB at most.
struct BlockPool: Sendable {
    static let blockBytes = [24, 32, 48, 64, 96, 128, 256, 512, 1024]
    private static let chunkBytes = 16_384

    private var chunks: [[UInt8]] = []
    /// Bytes handed out of the last chunk.
    private var used = 0
    /// For each size the block given back last; its first four bytes name the one before.
    private var free: [UInt32] = Array(repeating: 0, count: 9)

    /// A byte within a chunk.
    struct Place {
        var chunk: Int
        var byte: Int

        static func + (place: Place, bytes: Int) -> Place { Place(chunk: place.chunk, byte: place.byte + bytes) }
    }

    static func place(_ block: UInt32) -> Place {
        let byte = Int(block - 1) * 8
        return Place(chunk: byte / chunkBytes, byte: byte % chunkBytes)
    }

    mutating func take(_ size: UInt8) -> UInt32 {
        let given = free[Int(size)]
        if given != 0 {
            free[Int(size)] = u32(at: Self.place(given))
            return given
        }
        let bytes = Self.blockBytes[Int(size)]
        if chunks.isEmpty || used + bytes > Self.chunkBytes {
            chunks.append([UInt8](repeating: 0, count: Self.chunkBytes))
            used = 0
        }
        let block = UInt32(((chunks.count - 1) * Self.chunkBytes + used) / 8) + 1
        used += bytes
        return block
    }

    mutating func giveBack(_ block: UInt32, size: UInt8) {
        write(u32: free[Int(size)], at: Self.place(block))
        free[Int(size)] = block
    }

    mutating func copy(_ count: Int, from source: Place, to target: Place) {
        for index in 0..<count {
            chunks[target.chunk][target.byte + index] = chunks[source.chunk][source.byte + index]
        }
    }

    mutating func write(_ bytes: [UInt8], in range: Range<Int>, at place: Place) {
        var chunk = chunks[place.chunk].mutableSpan
        let at = place.byte - range.lowerBound
        for index in range { chunk[at + index] = bytes[index] }
    }

    func u32(at place: Place) -> UInt32 {
        let chunk = chunks[place.chunk]
        let at = place.byte
        return UInt32(chunk[at]) | UInt32(chunk[at + 1]) << 8 | UInt32(chunk[at + 2]) << 16
            | UInt32(chunk[at + 3]) << 24
    }

    mutating func write(u32 value: UInt32, at place: Place) {
        var chunk = chunks[place.chunk].mutableSpan
        for index in 0..<4 { chunk[place.byte + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
    }

    /// The number at `place`, which is moved past it.
    func varint(at place: inout Place) -> UInt64 {
        let chunk = chunks[place.chunk]
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = chunk[place.byte]
            place.byte += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
    }

    /// How many bytes so many numbers take from `place` on.
    func bytes(ofCodes count: Int, at place: Place) -> Int {
        let chunk = chunks[place.chunk]
        var left = count
        var byte = place.byte
        while left > 0 {
            if chunk[byte] < 0x80 { left -= 1 }
            byte += 1
        }
        return byte - place.byte
    }

    func copy(_ count: Int, from place: Place, onto writer: inout ByteWriter) {
        writer.append(chunks[place.chunk], in: place.byte..<(place.byte + count))
    }

    mutating func write(varint value: UInt64, at place: Place) {
        var rest = value
        var byte = place.byte
        var chunk = chunks[place.chunk].mutableSpan
        while rest >= 0x80 {
            chunk[byte] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            byte += 1
        }
        chunk[byte] = UInt8(truncatingIfNeeded: rest)
    }
}

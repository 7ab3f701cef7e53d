/// The payload of an age file: a nonce (16) and chunks of 64 KiB, each sealed under a number of its own and the last
/// one marked, so that no chunk can be left out, doubled or moved (the STREAM construction of Hoang, Reyhanitabar,
/// Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance").
enum AgePayload {
    static let nonceBytes = 16
    static let chunkBytes = 65_536
    private static let sealedChunkBytes = chunkBytes + ChaChaPoly.tagBytes

    /// Appends nonce ‖ sealed chunks.
    static func seal(
        _ plain: [UInt8], fileKey: [UInt8], nonce: [UInt8], cipher: ChaChaPoly, onto: inout [UInt8]
    ) throws(KeyError) {
        let key = key(fileKey, nonce)
        let chunks = max(1, (plain.count + chunkBytes - 1) / chunkBytes)
        onto.reserveCapacity(onto.count + nonceBytes + plain.count + chunks * ChaChaPoly.tagBytes)
        onto.append(contentsOf: nonce)
        for chunk in 0..<chunks {
            let range = (chunk * chunkBytes)..<min((chunk + 1) * chunkBytes, plain.count)
            try cipher.seal(
                plain, in: range, key: key, nonce: number(chunk, isLast: chunk == chunks - 1), onto: &onto)
        }
    }

    /// The plain bytes of what stands in `sealed` from `start` to the end: all of them, or none.
    ///
    /// - Throws: `.malformed` when the lengths are none that sealing makes, `.wrongKey` when a chunk does not open.
    static func open(
        _ sealed: [UInt8], from start: Int, fileKey: [UInt8], cipher: ChaChaPoly
    ) throws(KeyError) -> [UInt8] {
        let first = start + nonceBytes
        guard sealed.count >= first + ChaChaPoly.tagBytes else { throw .malformed }
        let chunks = (sealed.count - first + sealedChunkBytes - 1) / sealedChunkBytes
        let lastBytes = sealed.count - first - (chunks - 1) * sealedChunkBytes
        guard lastBytes > ChaChaPoly.tagBytes || chunks == 1 else { throw .malformed }
        let key = key(fileKey, Array(sealed[start..<first]))
        var plain: [UInt8] = []
        plain.reserveCapacity(sealed.count - first - chunks * ChaChaPoly.tagBytes)
        do throws(KeyError) {
            for chunk in 0..<chunks {
                let begin = first + chunk * sealedChunkBytes
                try cipher.open(
                    sealed, in: begin..<min(begin + sealedChunkBytes, sealed.count), key: key,
                    nonce: number(chunk, isLast: chunk == chunks - 1), onto: &plain)
            }
        } catch {
            Wipe.bytes(&plain)
            throw error
        }
        return plain
    }

    private static func key(_ fileKey: [UInt8], _ nonce: [UInt8]) -> SecretKey {
        SecretKey(HKDF.bytes(from: fileKey, salt: nonce, info: Array("payload".utf8), count: SecretKey.count))
    }

    /// A chunk's nonce: its number as 11 big-endian bytes, then 1 for the last and 0 for any other.
    private static func number(_ chunk: Int, isLast: Bool) -> [UInt8] {
        var nonce = [UInt8](repeating: 0, count: ChaChaPoly.nonceBytes)
        for index in 0..<8 { nonce[10 - index] = UInt8(truncatingIfNeeded: chunk >> (8 * index)) }
        nonce[11] = isLast ? 1 : 0
        return nonce
    }
}

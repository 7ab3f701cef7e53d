internal import Bytes

/// The door for a fuzzer: any bytes go in as what a peer says.
package enum PeerFuzzing {
    /// Reads the bytes as a message, as they are and as each kind there is; what is read must be said in these very
    /// bytes. Must return for any bytes.
    ///
    /// - Returns: how many of these readings were messages.
    @discardableResult
    package static func run(_ bytes: [UInt8]) -> Int {
        var whole = check(bytes)
        guard bytes.count >= 2 else { return whole }
        var changed = bytes
        changed[0] = PeerCodec.version
        for word: UInt8 in 1...10 {
            changed[1] = word
            whole += check(changed)
        }
        return whole
    }

    private static func check(_ bytes: [UInt8]) -> Int {
        do throws(ByteError) {
            let message = try PeerCodec.decode(bytes)
            precondition(PeerCodec.encode(message) == bytes, "a message is two byte strings")
            return 1
        } catch {
            return 0
        }
    }
}

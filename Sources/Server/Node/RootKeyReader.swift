package import Keys
internal import Linux

/// Gets the root key from where the configuration says.
package enum RootKeyReader {
    static let commandMilliseconds: UInt64 = 30_000

    package static func read(_ source: Configuration.RootKeySource) throws(ServerError) -> SecretKey {
        let bytes =
            switch source {
            case .file(let path): try file(path)
            case .command(let words): try output(of: words)
            }
        do throws(KeyError) { return try RootKey.load(bytes) } catch {
            throw ServerError("The root key is none: 64 hexadecimal digits, or 32 bytes, are wanted.")
        }
    }

    private static func file(_ path: String) throws(ServerError) -> [UInt8] {
        do throws(LinuxError) { return try SmallFile.readSecret(path, atMost: 4096) } catch {
            throw error.isMissing
                ? ServerError("The root key's file is missing.")
                : ServerError("The root key's file cannot be read, or others than its owner may read it (chmod 600).")
        }
    }

    /// What a command prints, within 30 seconds; its complaints go to this process's own.
    private static func output(of words: [String]) throws(ServerError) -> [UInt8] {
        var printed: [UInt8]?
        do throws(LinuxError) { printed = try run(words) } catch {
            throw ServerError("The command for the root key cannot be started.")
        }
        guard let printed else {
            throw ServerError("The command for the root key failed, or took longer than 30 seconds.")
        }
        return printed
    }

    private static func run(_ words: [String]) throws(LinuxError) -> [UInt8]? {
        let pipe = try Descriptor.pipe()
        let child = try Child.start(words[0], Array(words.dropFirst()), output: pipe.writing.number, complaints: 2)
        let reading = pipe.readingEnd()
        let deadline = LinuxClock.monotonicMilliseconds() + commandMilliseconds
        var bytes: [UInt8] = []
        while LinuxClock.monotonicMilliseconds() < deadline, bytes.count <= 4096 {
            guard reading.waitReadable(milliseconds: 100), let piece = reading.readSome(atMost: 4096) else { continue }
            if piece.isEmpty { break }
            bytes += piece
        }
        while LinuxClock.monotonicMilliseconds() < deadline {
            if let code = child.ended() { return code == 0 ? bytes : nil }
            LinuxClock.pause(milliseconds: 5)
        }
        child.kill9()
        return nil
    }
}

private import CLinux
internal import Glibc

/// Whole small files by their ordinary paths: configuration, keys, contexts, process ids. Not the store.
package enum SmallFile {
    /// All bytes of the file.
    /// - Throws: EFBIG when it is longer than `limit`.
    package static func read(_ path: String, atMost limit: Int = 1 << 20) throws(LinuxError) -> [UInt8] {
        let file = Descriptor(owning: try checked("open", unsafe clinux_open(-1, path, Int32(CLINUX_READ))))
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let wanted = min(65_536, limit + 1 - bytes.count)
            var failed = 0
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                let got = unsafe clinux_read(file.number, buffer.baseAddress, wanted)
                if got < 0 { failed = got }
                filled = max(0, got)
            }
            _ = try checked("read", failed)
            if piece.isEmpty { return bytes }
            bytes += piece
        }
        throw LinuxError("read", EFBIG)
    }

    /// As `read`, of a file that holds a secret: refused (EPERM) when its group or others may do anything with it.
    package static func readSecret(_ path: String, atMost limit: Int = 1 << 16) throws(LinuxError) -> [UInt8] {
        guard try mode(path) & 0o077 == 0 else { throw LinuxError("mode", EPERM) }
        return try read(path, atMost: limit)
    }

    /// Makes a file of mode 0600 that was not there, with these bytes, durable.
    package static func create(_ path: String, _ bytes: [UInt8]) throws(LinuxError) {
        let file = Descriptor(owning: try checked("open", unsafe clinux_open(-1, path, Int32(CLINUX_CREATE))))
        try write(bytes, to: file)
        _ = try checked("fsync", clinux_sync(file.number))
    }

    /// Puts these bytes in the place of the file's, mode 0600. Not for anything that must survive a crash.
    package static func replace(_ path: String, _ bytes: [UInt8]) throws(LinuxError) {
        let file = Descriptor(owning: try checked("open", unsafe clinux_open(-1, path, Int32(CLINUX_REPLACE))))
        try write(bytes, to: file)
    }

    /// Opens a file to add to its end, making it with mode 0600 when it is not there.
    package static func appending(_ path: String) throws(LinuxError) -> Descriptor {
        Descriptor(owning: try checked("open", unsafe clinux_open(-1, path, Int32(CLINUX_APPEND))))
    }

    /// Takes the file's lock, which ends with the descriptor; EAGAIN when somebody has it. Made when not there.
    package static func lock(_ path: String) throws(LinuxError) -> Descriptor {
        let file = try appending(path)
        _ = try checked("lock", clinux_lock(file.number))
        return file
    }

    /// Takes the lock of a directory that is there, as `lock` does that of a file; nothing is made in it.
    package static func lockDirectory(_ path: String) throws(LinuxError) -> Descriptor {
        let directory = Descriptor(
            owning: try checked("open", unsafe clinux_open(-1, path, Int32(CLINUX_DIRECTORY))))
        _ = try checked("lock", clinux_lock(directory.number))
        return directory
    }

    /// Whether somebody holds the file's lock; false when there is no such file.
    package static func isLocked(_ path: String) -> Bool {
        let number = unsafe clinux_open(-1, path, Int32(CLINUX_READ))
        guard number >= 0 else { return false }
        let file = Descriptor(owning: number)
        return clinux_lock(file.number) == -EAGAIN
    }

    /// Permission bits, 0o600 for example.
    package static func mode(_ path: String) throws(LinuxError) -> Int {
        Int(try checked("stat", unsafe clinux_mode(-1, path))) & 0o7777
    }

    package static func exists(_ path: String) -> Bool { unsafe clinux_mode(-1, path) >= 0 }

    /// Makes one directory of mode 0700; EEXIST when there is something by that name.
    package static func makeDirectory(_ path: String) throws(LinuxError) {
        _ = try checked("mkdir", unsafe clinux_make_directory(-1, path))
    }

    /// As the other, and its name lasts: the directory above it is synced.
    package static func makeDirectoryDurably(_ path: String) throws(LinuxError) {
        try makeDirectory(path)
        let above = path.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(separator: "/")
        try syncDirectory(path.hasPrefix("/") ? "/" + above : above.isEmpty ? "." : above)
    }

    package static func remove(_ path: String) { _ = unsafe clinux_remove(-1, path) }

    /// Removes a directory with nothing in it.
    package static func removeDirectory(_ path: String) { _ = unsafe clinux_remove_directory(-1, path) }

    /// Makes the names in a directory durable.
    package static func syncDirectory(_ path: String) throws(LinuxError) {
        let number = try checked("open", unsafe clinux_open(-1, path, Int32(CLINUX_DIRECTORY)))
        let directory = Descriptor(owning: number)
        _ = try checked("fsync", clinux_sync(directory.number))
    }

    private static func write(_ bytes: [UInt8], to file: borrowing Descriptor) throws(LinuxError) {
        var done = 0
        while done < bytes.count {
            let put = unsafe bytes.withUnsafeBytes { buffer in
                unsafe clinux_write(file.number, buffer.baseAddress?.advanced(by: done), buffer.count - done)
            }
            done += try checked("write", put)
        }
    }
}

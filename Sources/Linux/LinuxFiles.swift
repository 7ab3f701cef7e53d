private import CLinux
package import Files
internal import Glibc

/// A directory of the machine as a `FileStore`. Files have mode 0600, directories 0700.
///
/// Used by one thread; another thread makes its own on the same root.
package final class LinuxFiles: FileStore {
    private let root: Int32
    /// Descriptors by slot; -1 where a slot is free.
    private var slots: [Int32] = []
    /// True once the file system refused O_DIRECT and `readThrough` asked the page cache to forget instead, which is
    /// a hint that the kernel may ignore. To be logged by whoever opens the store.
    package private(set) var refusesDirectReads = false

    private var refusesDirectWrites = false
    /// Offsets, counts and memory of direct reads and writes are multiples of this.
    private static let block = 4096

    /// - Throws: `.missing` when there is no such directory.
    package init(root path: String) throws(FileError) {
        root = try Self.checked(unsafe clinux_open(-1, path, Int32(CLINUX_DIRECTORY)))
    }

    deinit {
        for slot in slots where slot >= 0 { _ = clinux_close(slot) }
        _ = clinux_close(root)
    }

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        let way =
            switch mode {
            case .read: CLINUX_READ_FILE
            case .readWrite: CLINUX_READ_WRITE
            case .create: CLINUX_CREATE
            }
        let descriptor = try Self.checked(unsafe clinux_open(root, Self.name(path), Int32(way)))
        if let free = slots.firstIndex(of: -1) {
            slots[free] = descriptor
            return FileHandle(slot: free)
        }
        slots.append(descriptor)
        return FileHandle(slot: slots.count - 1)
    }

    package func close(_ file: FileHandle) {
        _ = clinux_close(descriptor(file))
        slots[file.slot] = -1
    }

    package func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try Self.read(descriptor(file), at: offset, count: count)
    }

    package func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let descriptor = descriptor(file)
        if !refusesDirectReads {
            if let bytes = try directRead(descriptor, at: offset, count: count) { return bytes }
            refusesDirectReads = true
        }
        let page = 4096
        let first = offset / page * page
        _ = clinux_forget(descriptor, first, (offset + count + page - 1) / page * page - first)
        return try Self.read(descriptor, at: offset, count: count)
    }

    package func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        let descriptor = descriptor(file)
        precondition(offset >= 0)
        var done = 0
        while done < bytes.count {
            let put = unsafe bytes.withUnsafeBytes { buffer in
                unsafe clinux_pwrite(
                    descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, offset + done)
            }
            guard put != 0 else { throw .full }
            done += try Self.checked(put)
        }
    }

    package func writeThrough(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        var done = 0
        if !refusesDirectWrites, offset % Self.block == 0 {
            done = try directWrite(descriptor(file), at: offset, bytes)
        }
        guard done < bytes.count else { return }
        try write(file, at: offset + done, done == 0 ? bytes : Array(bytes[done...]))
        beginSync(file, at: offset + done, count: bytes.count - done)
    }

    package func size(_ file: FileHandle) throws(FileError) -> Int {
        Int(try Self.checked(clinux_size(descriptor(file))))
    }

    package func truncate(_ file: FileHandle, to size: Int) throws(FileError) {
        precondition(size >= 0)
        _ = try Self.checked(clinux_truncate(descriptor(file), size))
    }

    package func sync(_ file: FileHandle) throws(FileError) {
        _ = try Self.checked(clinux_datasync(descriptor(file)))
    }

    package func beginSync(_ file: FileHandle, at offset: Int, count: Int) {
        clinux_begin_sync(descriptor(file), off_t(offset), off_t(count))
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        let number = try Self.checked(unsafe clinux_open(root, Self.name(path), Int32(CLINUX_DIRECTORY)))
        let directory = Descriptor(owning: number)
        _ = try Self.checked(clinux_sync(directory.number))
    }

    package func rename(_ source: String, to target: String) throws(FileError) {
        _ = try Self.checked(unsafe clinux_rename(root, Self.name(source), Self.name(target)))
    }

    package func remove(_ path: String) throws(FileError) {
        _ = try Self.checked(unsafe clinux_remove(root, Self.name(path)))
    }

    package func exists(_ path: String) throws(FileError) -> Bool {
        let mode = unsafe clinux_mode(root, Self.name(path))
        if mode == -Int64(ENOENT) || mode == -Int64(ENOTDIR) { return false }
        _ = try Self.checked(mode)
        return true
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        let number = try Self.checked(unsafe clinux_open(root, Self.name(path), Int32(CLINUX_DIRECTORY)))
        guard let directory = unsafe fdopendir(number) else {
            let failed = errno
            _ = clinux_close(number)
            throw Self.error(failed)
        }
        defer { unsafe closedir(directory) }
        var names: [[UInt8]] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: UInt8.self, capacity: 256) { text in
                    unsafe Array(UnsafeBufferPointer(start: text, count: strnlen(text, 256)))
                }
            }
            if name == [0x2e] || name == [0x2e, 0x2e] { continue }
            names.append(name)
        }
        names.sort { $0.lexicographicallyPrecedes($1) }
        return names.map { String(decoding: $0, as: UTF8.self) }
    }

    package func makeDirectory(_ path: String) throws(FileError) {
        var made = ""
        for part in path.split(separator: "/") {
            made = made.isEmpty ? String(part) : "\(made)/\(part)"
            let result = unsafe clinux_make_directory(root, Self.name(made))
            if result != -EEXIST { _ = try Self.checked(result) }
        }
    }

    package func freeSpace() throws(FileError) -> Int {
        Int(try Self.checked(clinux_free_space(root)))
    }

    // MARK: below the port

    private func descriptor(_ file: FileHandle) -> Int32 {
        precondition(file.slot < slots.count && slots[file.slot] >= 0)
        return slots[file.slot]
    }

    /// nil when the file system has no O_DIRECT.
    private func directRead(_ descriptor: Int32, at offset: Int, count: Int) throws(FileError) -> [UInt8]? {
        guard count > 0 else { return [] }
        let opened = unsafe clinux_open(-1, "/proc/self/fd/\(descriptor)", Int32(CLINUX_DIRECT))
        guard opened >= 0 else { return nil }
        let direct = Descriptor(owning: opened)
        let page = Self.block
        let first = offset / page * page
        let span = (offset + count + page - 1) / page * page - first
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: span, alignment: page)
        defer { unsafe buffer.deallocate() }
        var filled = 0
        while filled < span {
            let got = unsafe clinux_pread(
                direct.number, buffer.baseAddress?.advanced(by: filled), span - filled, first + filled)
            if got == -Int(EINVAL) { return nil }
            let step = try Self.checked(got)
            filled += step
            // A step that is no whole page is the last of the file.
            if step % page != 0 || step == 0 { break }
        }
        let from = min(offset - first, filled)
        return unsafe Array(buffer[from..<max(from, min(filled, from + count))])
    }

    /// Writes the whole blocks.
    ///
    /// - Returns: how many bytes that were; 0 when the file system has no O_DIRECT.
    private func directWrite(_ descriptor: Int32, at offset: Int, _ bytes: [UInt8]) throws(FileError) -> Int {
        let whole = bytes.count / Self.block * Self.block
        guard whole > 0 else { return 0 }
        let opened = unsafe clinux_open(-1, "/proc/self/fd/\(descriptor)", Int32(CLINUX_DIRECT_WRITE))
        guard opened >= 0 else {
            refusesDirectWrites = true
            return 0
        }
        let direct = Descriptor(owning: opened)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: whole, alignment: Self.block)
        defer { unsafe buffer.deallocate() }
        unsafe bytes.withUnsafeBytes { unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<whole])) }
        var done = 0
        while done < whole {
            let put = unsafe clinux_pwrite(
                direct.number, buffer.baseAddress?.advanced(by: done), whole - done, offset + done)
            if put == -Int(EINVAL), done == 0 {
                refusesDirectWrites = true
                return 0
            }
            guard put != 0 else { throw .full }
            done += try Self.checked(put)
            // What is left is no whole block any more: the rest goes the other way.
            if done % Self.block != 0 { return done / Self.block * Self.block }
        }
        return done
    }

    private static func read(_ descriptor: Int32, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        precondition(offset >= 0 && count >= 0)
        var failed = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = unsafe clinux_pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, offset + filled)
                if got < 0 { failed = got }
                if got <= 0 { break }
                filled += got
            }
        }
        _ = try checked(failed)
        return bytes
    }

    /// The path itself, once it is sure that it stays under the root. "" is the root.
    private static func name(_ path: String) -> String {
        precondition(!path.hasPrefix("/") && !path.split(separator: "/").contains(".."))
        return path.isEmpty ? "." : path
    }

    private static func checked<Number: SignedInteger>(_ result: Number) throws(FileError) -> Number {
        guard result >= 0 else { throw error(Int32(truncatingIfNeeded: -result)) }
        return result
    }

    private static func error(_ number: Int32) -> FileError {
        switch number {
        case ENOENT: .missing
        case EEXIST: .exists
        case ENOSPC, EDQUOT: .full
        case EACCES, EPERM, EROFS: .denied
        default: .io(number)
        }
    }
}

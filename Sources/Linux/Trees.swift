private import CLinux
internal import Glibc

/// Directories with all that is in them.
package enum Trees {
    /// Whether there is anything by that name, a link to nowhere too.
    package static func isThere(_ path: String) -> Bool { unsafe clinux_kind(path) >= 0 }

    /// Whether that is a directory itself, not a link to one.
    package static func isDirectory(_ path: String) -> Bool { unsafe clinux_kind(path) == 2 }

    /// Removes a directory with all that is in it, or a file. A symbolic link is removed itself, wherever it stands: what it
    /// names is not touched.
    ///
    /// - Throws: when something cannot be removed; what was removed before is gone.
    package static func remove(_ path: String) throws(LinuxError) { try remove(Array(path.utf8CString), in: -1) }

    private static func remove(_ name: [CChar], in directory: Int32) throws(LinuxError) {
        let removed = unsafe clinux_remove(directory, name)
        guard removed == -EISDIR else {
            _ = try checked("unlink", removed)
            return
        }
        try empty(try checked("open", unsafe clinux_open(directory, name, Int32(CLINUX_DIRECTORY_ITSELF))))
        _ = try checked("rmdir", unsafe clinux_remove_directory(directory, name))
    }

    /// - Parameter number: Of the directory's descriptor, which is closed.
    private static func empty(_ number: Int32) throws(LinuxError) {
        guard let directory = unsafe fdopendir(number) else {
            let failed = errno
            _ = clinux_close(number)
            throw LinuxError("fdopendir", failed)
        }
        defer { unsafe closedir(directory) }
        var names: [[CChar]] = []
        let passedOver: [[CChar]] = [[0x2e, 0], [0x2e, 0x2e, 0]]
        while let entry = unsafe readdir(directory) {
            let name: [CChar] = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { text in
                    unsafe Array(UnsafeBufferPointer(start: text, count: strnlen(text, 255))) + [0]
                }
            }
            if !passedOver.contains(name) { names.append(name) }
        }
        for name in names { try remove(name, in: number) }
    }
}

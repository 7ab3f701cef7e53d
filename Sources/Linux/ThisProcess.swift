private import CLinux
internal import Glibc

/// What concerns the process as a whole.
package enum ThisProcess {
    /// The first thing `main` does: a crash prints nothing, writes no core, and nobody reads the memory. Swift's
    /// backtracer prints registers and strings, so the fatal signals go back to their default. SIGPIPE becomes EPIPE.
    package static func closeCurtains() throws(LinuxError) {
        _ = try checked("hygiene", clinux_hygiene())
    }

    /// True when neither a core nor another process can show this one's memory.
    package static var isCurtained: Bool { clinux_core_limit_is_zero() != 0 && clinux_is_dumpable() == 0 }

    /// Processors that run threads now; at least 1.
    package static var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Keeps all memory out of swap; false where the limit (RLIMIT_MEMLOCK) forbids it.
    package static func lockMemory() -> Bool { clinux_lock_memory() == 0 }

    /// Lets threads share the allocator's arenas; before the first thread starts.
    package static func useMemoryThriftily() { clinux_thrifty_memory() }

    /// Gives memory that is free back to the system.
    package static func giveMemoryBack() { clinux_trim_memory() }

    /// Raises the soft limit of open descriptors to the hard one, and answers it.
    @discardableResult
    package static func raiseDescriptorLimit() -> Int { max(0, Int(clinux_raise_descriptors())) }

    package static var id: Int32 { getpid() }

    /// A path from the root on; one that is relative is so to where this process was started.
    package static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var buffer = [CChar](repeating: 0, count: 4097)
        guard unsafe getcwd(&buffer, 4096) != nil, let end = buffer.firstIndex(of: 0) else { return path }
        return String(decoding: buffer[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/" + path
    }

    /// Bytes of memory in use (resident set), from /proc/self/statm; 0 where that cannot be read.
    package static var residentBytes: Int {
        guard let text = try? SmallFile.read("/proc/self/statm", atMost: 256) else { return 0 }
        let fields = text.split(separator: 0x20)
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return 0 }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// The path of the program that runs.
    package static func executable() throws(LinuxError) -> String {
        var target = [UInt8](repeating: 0, count: 4096)
        let count = unsafe target.withUnsafeMutableBytes { buffer in
            unsafe clinux_executable(buffer.baseAddress, buffer.count)
        }
        return String(decoding: target[0..<(try checked("readlink", count))], as: UTF8.self)
    }

    package static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Ends the process at once, without running what is registered for the end.
    package static func exit(_ code: Int32) -> Never { Glibc._exit(code) }

    /// True when the process of that id exists.
    package static func isRunning(_ process: Int32) -> Bool { process > 0 && (kill(process, 0) == 0 || errno == EPERM) }
}

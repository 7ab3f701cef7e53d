private import CLinux
internal import Glibc

/// A process that this one started, in a process group of its own.
package struct Child: Sendable {
    package let process: Int32

    /// Starts `program`. Its output and complaints go to `output`; `line`, when given, is its descriptor 3. Its
    /// environment is PATH, HOME, TMPDIR and LANG as they are here, `environment`, and `SWIFT_BACKTRACE=enable=no`, so that a crash prints nothing.
    package static func start(
        _ program: String, _ arguments: [String], environment: [String] = [], output: borrowing Descriptor,
        line: borrowing Descriptor
    ) throws(LinuxError) -> Child {
        try start(program, arguments, environment: environment, output: output.number, line: line.number)
    }

    /// As above, without a line; -1 as `output` is /dev/null. Complaints go where the output goes unless they are
    /// given a descriptor of their own.
    package static func start(
        _ program: String, _ arguments: [String], environment: [String] = [], output: Int32, complaints: Int32 = -1,
        line: Int32 = -1
    ) throws(LinuxError) -> Child {
        let kept = ["PATH", "HOME", "TMPDIR", "LANG"].compactMap { name in
            ThisProcess.environment(name).map { "\(name)=\($0)" }
        }
        var argumentPointers: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) }
        unsafe argumentPointers.append(nil)
        var settingPointers: [UnsafeMutablePointer<CChar>?] =
            unsafe (kept + environment + ["SWIFT_BACKTRACE=enable=no"]).map { unsafe strdup($0) }
        unsafe settingPointers.append(nil)
        defer {
            // By index: swift-format 6.3 runs `for unsafe` together with its variable.
            for index in unsafe argumentPointers.indices { unsafe free(argumentPointers[index]) }
            for index in unsafe settingPointers.indices { unsafe free(settingPointers[index]) }
        }
        let process = try checked(
            "posix_spawn", unsafe clinux_spawn(program, argumentPointers, settingPointers, output, complaints, line))
        return Child(process: process)
    }

    /// Its exit code, 128 + the signal when it was killed; nil while it runs. Once ended, ask no more.
    package func ended() -> Int32? {
        var code: Int32 = 0
        let result = unsafe clinux_reap(process, &code)
        if result == -ECHILD { return 255 }
        return result == process ? code : nil
    }

    /// Asks it to end (SIGTERM).
    package func stop() { _ = kill(process, SIGTERM) }

    /// Ends it (SIGKILL).
    package func kill9() { _ = kill(process, SIGKILL) }
}

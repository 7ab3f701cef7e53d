import Linux
import Testing

@Suite struct ProcessTests {
    @Test func `behind the curtains a crash prints nothing and leaves no core`() async throws {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent, \.standardOutputContent]
        ) {
            try ThisProcess.closeCurtains()
            guard ThisProcess.isCurtained else { return }
            let secret = Array("patient Okafor".utf8).map { Int($0) }
            let none = secret.count > 100 ? 1 : 0
            // A trap of the machine, as a wild pointer would be.
            withExtendedLifetime(secret) { precondition(secret[0] / (none + 1) < 0, "trapped") }
        }
        let printed = String(
            decoding: (result?.standardErrorContent ?? []) + (result?.standardOutputContent ?? []), as: UTF8.self)
        #expect(!printed.contains("Okafor"))
        #expect(!printed.contains("Backtrace"))
        #expect(!printed.contains("Registers"))
    }

    @Test func `a child starts, writes where it is told, and tells its code`() throws {
        let root = try Scratch.directory()
        let output = try SmallFile.appending("\(root)/log")
        let pipe = try Descriptor.pipe()
        let child = try Child.start(
            "/bin/sh", ["-c", "echo out; echo err >&2; echo ready >&3; echo $SWIFT_BACKTRACE; exit 7"],
            output: output, line: pipe.writing)
        var code: Int32?
        while code == nil {
            code = child.ended()
            LinuxClock.pause(milliseconds: 1)
        }
        #expect(code == 7)
        let line = pipe.readingEnd()
        #expect(line.readSome(atMost: 100) == Array("ready\n".utf8))
        #expect(line.readSome(atMost: 100) == [])
        let text = String(decoding: try SmallFile.read("\(root)/log"), as: UTF8.self)
        #expect(text == "out\nerr\nenable=no\n")
    }

    @Test func `a killed child tells its signal`() throws {
        let child = try Child.start("/bin/sleep", ["60"], output: -1)
        #expect(child.ended() == nil)
        #expect(ThisProcess.isRunning(child.process))
        child.kill9()
        var code: Int32?
        while code == nil {
            code = child.ended()
            LinuxClock.pause(milliseconds: 1)
        }
        #expect(code == 137)
    }

    @Test func `a lock is seen by others and ends with its process`() throws {
        let path = "\(try Scratch.directory())/lock"
        #expect(!SmallFile.isLocked(path))
        let mine = try SmallFile.lock(path)
        #expect(SmallFile.isLocked(path))
        #expect(throws: LinuxError.self) { _ = try SmallFile.lock(path) }
        let child = try Child.start(
            "/usr/bin/python3",
            [
                "-c",
                "import fcntl,sys\ntry: fcntl.flock(open(sys.argv[1],'r+'),fcntl.LOCK_EX|fcntl.LOCK_NB)\nexcept OSError: sys.exit(3)",
                path,
            ],
            output: -1)
        var code: Int32?
        while code == nil {
            code = child.ended()
            LinuxClock.pause(milliseconds: 1)
        }
        #expect(code == 3)
        _ = mine.number
    }

    @Test func `resident memory is a plausible number`() {
        #expect(ThisProcess.residentBytes > 1 << 20)
        #expect(ThisProcess.residentBytes < 1 << 40)
    }

    @Test func `a secret that others may read is refused`() throws {
        let path = "\(try Scratch.directory())/secret"
        try SmallFile.create(path, [1, 2, 3])
        #expect(try SmallFile.readSecret(path) == [1, 2, 3])
        #expect(throws: LinuxError.self) { try SmallFile.create(path, []) }
        let loosened = try Child.start("/bin/chmod", ["640", path], output: -1)
        while loosened.ended() == nil { LinuxClock.pause(milliseconds: 1) }
        #expect(throws: LinuxError.self) { try SmallFile.readSecret(path) }
        #expect(throws: LinuxError.self) { try SmallFile.read(path, atMost: 2) }
    }
}

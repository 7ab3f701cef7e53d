private import CLinux

/// An open descriptor with one owner; closed when the owner lets go.
package struct Descriptor: ~Copyable, Sendable {
    package let number: Int32

    /// Takes over a descriptor that nobody else will close.
    package init(owning number: Int32) { self.number = number }

    deinit { _ = clinux_close(number) }

    /// A pipe: what is written at one end is read at the other.
    package static func pipe() throws(LinuxError) -> PipeEnds {
        var reading: Int32 = -1
        var writing: Int32 = -1
        _ = try checked("pipe2", unsafe clinux_pipe(&reading, &writing))
        return PipeEnds(reading: Descriptor(owning: reading), writing: Descriptor(owning: writing))
    }

    /// What is there to read now, at most `count` bytes; empty at the end, nil when there is nothing yet.
    package borrowing func readSome(atMost count: Int) -> [UInt8]? {
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, unsafe clinux_read(number, buffer.baseAddress, count))
        }
        if !bytes.isEmpty { return bytes }
        return clinux_poll(number, 0, 0) == 1 ? [] : nil
    }

    /// Writes all of `bytes`; false when the other end is gone or full.
    @discardableResult
    package borrowing func writeAll(_ bytes: [UInt8]) -> Bool { Output.write(bytes, to: number) }

    /// Waits until there is something to read or the other end is gone; false when the time is up first.
    package borrowing func waitReadable(milliseconds: Int) -> Bool {
        clinux_poll(number, 0, Int32(clamping: milliseconds)) == 1
    }
}

/// Both ends of a pipe.
package struct PipeEnds: ~Copyable {
    package let reading: Descriptor
    package let writing: Descriptor

    /// The reading end; the writing end is closed.
    package consuming func readingEnd() -> Descriptor { reading }
}

/// Writing to descriptors that belong to the process: standard output, standard error.
package enum Output {
    @discardableResult
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let put = unsafe bytes.withUnsafeBytes { buffer in
                unsafe clinux_write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
            }
            if put == -Int(EAGAIN) {
                _ = clinux_poll(descriptor, 1, 1000)
                continue
            }
            guard put > 0 else { return false }
            done += put
        }
        return true
    }

    /// A line on standard output.
    package static func line(_ text: String) { write(Array(text.utf8) + [0x0a], to: 1) }

    /// A line on standard error.
    package static func complaint(_ text: String) { write(Array(text.utf8) + [0x0a], to: 2) }
}

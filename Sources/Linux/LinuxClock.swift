package import Bytes
private import CLinux

/// The machine's two clocks.
package enum LinuxClock {
    /// Time since the machine started, its sleep included (CLOCK_BOOTTIME); never goes back.
    package static func monotonicMilliseconds() -> UInt64 { UInt64(clinux_clock_boot() / 1_000_000) }

    /// As `monotonicMilliseconds`, in nanoseconds.
    package static func monotonicNanoseconds() -> UInt64 { UInt64(clinux_clock_boot()) }

    /// What the machine takes for the time of day (CLOCK_REALTIME); it may jump.
    package static func wall() -> Instant { Instant(microseconds: clinux_clock_wall() / 1000) }
}

extension LinuxClock {
    /// Lets the thread rest. For loops that wait for another process, nowhere else.
    package static func pause(milliseconds: Int) { clinux_pause(Int64(milliseconds)) }
}

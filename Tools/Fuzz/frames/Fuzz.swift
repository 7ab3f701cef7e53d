import Keys
import SegmentedLog

/// One for the life of the process: making it is dearer than reading a frame.
private let crypto = try? Crypto()
private let key = SecretKey([UInt8](repeating: 7, count: 32))

/// What libFuzzer calls with each input. See Tools/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let crypto else { return 0 }
    unsafe FrameFuzz.run(Array(UnsafeBufferPointer(start: start, count: count)), crypto: crypto, key: key)
    return 0
}

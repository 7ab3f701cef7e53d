import Keys
import SegmentedLog

private let key = SecretKey([UInt8](repeating: 7, count: 32))

/// What libFuzzer calls with each input. See Tools/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let crypto = try? Crypto() else { return 0 }
    unsafe FrameFuzz.run(Array(UnsafeBufferPointer(start: start, count: count)), crypto: crypto, key: key)
    return 0
}

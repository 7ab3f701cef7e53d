import Replica

/// What libFuzzer calls with each input. See Tools/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe PeerFuzzing.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

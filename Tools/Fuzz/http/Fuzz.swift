import API

/// What libFuzzer calls with each input. See Tools/fuzz.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    unsafe HTTPFuzzing.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

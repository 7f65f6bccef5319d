/// The arithmetic of the ITU's codecs: words of 16 bits that saturate, held in 32.
@inline(__always)
func saturated(_ value: Int32) -> Int32 { min(max(value, -32768), 32767) }

// targets: RTP

#if canImport(RTP)
    import RTP
#endif

/// Feeds one input to the readers of payloads with redundant data and of comfort noise: blocks lie one behind the other and within
/// the payload, and what is written of them again is the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRedundancy(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    let bytes = input.bytes
    if let noise = ComfortNoise(bytes) { exercise(noise) }
    guard let payload = try? RedundantPayload(parsing: bytes, timestamp: 0x1000) else { return 0 }
    precondition(payload.redundantCount <= RedundantPayload.maximumBlocks)
    precondition(payload.primary.octets.upperBound == bytes.byteCount)
    var end = 4 * payload.redundantCount + 1
    var sender = RedundancySender(depth: RedundancySender.maximumDepth)
    var memory = [UInt8](repeating: 0, count: bytes.byteCount + RedundancySender.maximumOverhead)
    for index in 0..<payload.redundantCount {
        guard let block = payload.redundant(at: index, in: bytes) else { preconditionFailure("a block is missing") }
        precondition(block.octets.lowerBound == end)
        precondition(0x1000 &- block.timestamp <= RedundantPayload.maximumOffset)
        end = block.octets.upperBound
        write(bytes.extracting(block.octets), block, by: &sender, to: &memory)
    }
    precondition(end == payload.primary.octets.lowerBound)
    precondition(payload.redundant(at: payload.redundantCount, in: bytes) == nil)
    write(bytes.extracting(payload.primary.octets), payload.primary, by: &sender, to: &memory)
    return 0
}

private func write(
    _ octets: RawSpan, _ block: RedundantPayload.Block, by sender: inout RedundancySender, to memory: inout [UInt8]
) {
    var span = memory.mutableSpan
    var space = span.mutableBytes
    let length = sender.write(
        octets, payloadType: block.payloadType, timestamp: block.timestamp, into: &space, at: 0)
    guard
        let read = try? RedundantPayload(parsing: memory.span.bytes.extracting(0..<length), timestamp: block.timestamp)
    else { preconditionFailure("what was written is not read back") }
    precondition(read.primary.payloadType == block.payloadType)
    precondition(read.primary.octets.count == octets.byteCount)
}

private func exercise(_ noise: ComfortNoise) {
    for index in 0..<noise.order { precondition(noise.reflection(at: index).magnitude < 1) }
    var memory = [UInt8](repeating: 0, count: 16)
    var span = memory.mutableSpan
    var space = span.mutableBytes
    guard let length = try? noise.write(into: &space, at: 0) else { preconditionFailure("noise is not written") }
    precondition(ComfortNoise(memory.span.bytes.extracting(0..<length)) == noise)
}

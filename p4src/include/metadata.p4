// SPDX-License-Identifier: Apache-2.0

// What a port is for. Zero: nobody has said, so nothing may enter there.
const bit<8> CLASS_UNKNOWN = 0;
const bit<8> CLASS_POD = 1;
const bit<8> CLASS_HOST = 2;
const bit<8> CLASS_UPLINK = 3;

struct metadata_t {
    bit<32> drop_reason;
    bit<48> gateway_mac;
    bit<32> input_port;
    // The address that the sender claims: of an IP packet its source, of an ARP request its sender (of a probe its target).
    bit<48> claimed_mac;
    bit<32> claimed_ip;
    bit<8>  port_class;
    // Set by source_guard: the claim is this port's own.
    bit<8>  guarded;
    bit<16> header_sum;
}

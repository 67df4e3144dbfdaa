// SPDX-License-Identifier: Apache-2.0

// What a port is for. Zero: nobody has said, so nothing may enter there.
const bit<8> CLASS_UNKNOWN = 0;
const bit<8> CLASS_POD = 1;
const bit<8> CLASS_HOST = 2;
const bit<8> CLASS_UPLINK = 3;

struct metadata_t {
    // Hashes' results have to be in the first 32 bytes of the metadata (DPDK 22.11).
    bit<16> hash;
    bit<16> port_offset;

    // ---- A flow, as its client sees it, and its way back. The order matters: keys are pieces of this row, which the
    // ---- target matches without a copy. A flow that leaves the node has no service: its real destination stands there.

    bit<32> bucket;
    bit<32> set_id;
    // 0, or the backend that the flow moved from, or from the second time on to.
    bit<32> after;
    bit<32> client_ip;
    bit<16> client_port;
    // Where the client is: 0 on this node (pods and host), 1 behind the uplink.
    bit<8>  outside;
    bit<32> service_ip;
    bit<16> service_port;
    // 0: nothing that can be a flow.
    bit<8>  protocol;
    // Who answers: the backend, and the address that it sees as its client's.
    bit<32> remote_ip;
    bit<16> remote_port;
    bit<32> endpoint_id;
    bit<32> local_ip;
    bit<16> local_port;

    bit<32> drop_reason;
    // Not dropped but answered in the backend's place; counted like a drop.
    bit<32> refusal;
    bit<48> gateway_mac;
    bit<8>  port_class;
    bit<16> header_sum;

    // ---- Services. What the rest needs to know stands in scratch headers (`headers.p4`).
    bit<8>  plan;
    bit<8>  affinity;
    bit<32> ranges_id;
    bit<8>  expiry;
    bit<8>  new_expiry;
    // How long a port's count goes on.
    bit<8>  period;
    bit<32> backend_id;
    // The flow's; 0: it has none yet. And a register of it.
    bit<32> slot;
    bit<32> at;
    bit<16> source_port;
    bit<8>  pool;
    bit<8>  backend_state;
}

// SPDX-License-Identifier: Apache-2.0

// Class of a port. Zero: not configured, so no packet may enter.
const bit<8> CLASS_UNKNOWN = 0;
const bit<8> CLASS_POD = 1;
const bit<8> CLASS_HOST = 2;
const bit<8> CLASS_UPLINK = 3;
// The other end is the kernel of the ACC, which resolves the neighbours at the uplink.
const bit<8> CLASS_EXCEPTION = 4;

struct metadata_t {
    // Hash results must be in the first 32 bytes of the metadata (DPDK 22.11).
    bit<16> hash;
    bit<16> port_offset;

    // ---- A flow, as seen by its client, and its return path. The order matters: keys are contiguous parts of this sequence, which the
    // ---- target matches without a copy. For a flow that leaves the node, service_ip and service_port are its real destination.

    bit<32> bucket;
    bit<32> set_id;
    // Which of the flow's entries: 0 for the first; for its first move, the backend that it left; for a later one, the backend that it
    // went to.
    bit<32> after;
    bit<32> client_ip;
    bit<16> client_port;
    // Location of the client: 0 on this node (pods and host), 1 behind the uplink.
    bit<8>  outside;
    bit<32> service_ip;
    bit<16> service_port;
    // 0: the packet can't belong to a flow.
    bit<8>  protocol;
    // The answering side: the backend, and the client address as seen by the backend.
    bit<32> remote_ip;
    bit<16> remote_port;
    bit<32> endpoint_id;
    bit<32> local_ip;
    bit<16> local_port;

    bit<32> drop_reason;
    // Why the packet is answered, with a TCP reset or an ICMP error, instead of forwarded; counted like a drop.
    bit<32> refusal;
    bit<48> gateway_mac;
    bit<8>  port_class;
    bit<16> header_sum;

    // ---- Services. Other state is in scratch headers (`headers.p4`).
    bit<8>  plan;
    bit<8>  affinity;
    bit<32> ranges_id;
    bit<8>  expiry;
    bit<8>  new_expiry;
    // The period (EXPIRE_…) after which a port's flow count is reset (`shares.p4`).
    bit<8>  period;
    // Whether the packet's sender is the node itself, with one of its own addresses: FROM_…
    bit<8>  from_node;
    bit<32> backend_id;
    // The flow's slot (`connections.p4`), 0 if it has none yet.
    bit<32> slot;
    // Index of the slot's register that is read or written next.
    bit<32> at;
    bit<16> source_port;
    bit<8>  pool;
    bit<8>  backend_state;
}

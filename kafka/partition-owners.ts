import { type Admin, AssignerProtocol, type GroupMember, type MemberDescription, PartitionAssigners } from 'kafkajs';
import { z } from 'zod';
import { escapeControls } from '../runtime/escape-controls.ts';
import { canLookAt, describeHolder, Holder, ownHolder } from '../runtime/holder.ts';
import { orNull } from '../runtime/or-null.ts';
import type { PartitionOwner } from './topic.ts';

const UserData = Holder.extend({ target: z.string().nullable() });
type UserData = z.infer<typeof UserData>;

type Assigner = (typeof PartitionAssigners)['roundRobin'];

const { MemberMetadata, MemberAssignment } = AssignerProtocol;

/**
 * The assignment of kafkajs, in the order of processes. The ids of members change when they lose their coordinator; in the
 * order of ids, members would then exchange partitions, and fetch records again that the other has in flight. Each member
 * also reports its process and host to the group. @param target what the member writes to.
 */
export const namedAssigner =
  (target: string | null): Assigner =>
  (config) => {
    const assigner = PartitionAssigners.roundRobin(config);
    const userData = Buffer.from(JSON.stringify({ ...ownHolder(), target } satisfies UserData));
    return {
      ...assigner,
      assign: async ({ members, topics }) => {
        const inOrder = members.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
        // kafkajs assigns in the order of the ids.
        const numbered = inOrder.map((member, index) => ({ ...member, memberId: String(index).padStart(6, '0') }));
        const assigned = await assigner.assign({ members: numbered, topics });
        return assigned.map((one) => ({ ...one, memberId: inOrder[Number(one.memberId)]?.memberId ?? '' }));
      },
      protocol: ({ topics }) => ({
        name: assigner.name,
        metadata: MemberMetadata.encode({ version: assigner.version, topics, userData }),
      }),
    };
  };

const orderOf = ({ memberId, memberMetadata }: GroupMember): string => {
  const { place = '', pid = 0, identity = '' } = userDataOf(memberMetadata) ?? {};
  return [place, String(pid).padStart(10, '0'), identity, memberId].join(' ');
};

/** The owner of each partition of the topic; a partition without an owner is absent. */
export async function partitionOwners(
  admin: Admin,
  group: string,
  topic: string,
): Promise<ReadonlyMap<number, PartitionOwner>> {
  const { groups } = await admin.describeGroups([group]);
  const owners = new Map<number, PartitionOwner>();
  for (const member of groups.flatMap(({ members }) => members)) {
    const owner = ownerOf(member);
    for (const partition of partitionsOf(member.memberAssignment, topic)) owners.set(partition, owner);
  }
  return owners;
}

/** The names of all members, also of those without a partition. */
export async function memberNames(admin: Admin, group: string): Promise<readonly string[]> {
  const { groups } = await admin.describeGroups([group]);
  return groups.flatMap(({ members }) => members).map((member) => ownerOf(member).name);
}

function ownerOf({ memberMetadata, clientId, clientHost }: MemberDescription): PartitionOwner {
  const userData = userDataOf(memberMetadata);
  if (!userData) return { name: escapeControls(`${clientId} at ${clientHost}`), target: null, isHere: false };
  return {
    name: describeHolder(userData),
    target: userData.target && escapeControls(userData.target),
    isHere: canLookAt(userData),
  };
}

/** null if another program wrote it. */
const userDataOf = (metadata: Buffer): UserData | null =>
  orNull(() => UserData.parse(JSON.parse(String(MemberMetadata.decode(metadata)?.userData))));

/** A member without partitions has no assignment at all. */
const partitionsOf = (assignment: Buffer, topic: string): readonly number[] =>
  assignment.length === 0 ? [] : (MemberAssignment.decode(assignment)?.assignment[topic] ?? []);

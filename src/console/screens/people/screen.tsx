// The screen "people": the groups, the people of one group, and one person.
import type { ScreenProps } from '../../screens.js';
import { GroupsView } from './groups.js';
import { PersonView } from './person.js';
import { PersonsView } from './persons.js';

export default function PeopleScreen({ path: [groupId, externalImageId], query }: ScreenProps) {
  const appKey = query.get('appKey') ?? undefined;
  if (groupId === undefined) return <GroupsView appKey={appKey} />;
  const group = { groupId, appKey };
  if (externalImageId !== undefined) {
    return <PersonView key={`${groupId}/${externalImageId}`} group={group} externalImageId={externalImageId} />;
  }
  return (
    <PersonsView
      key={groupId}
      group={group}
      search={query.get('search') ?? ''}
      after={query.get('after') ?? undefined}
    />
  );
}

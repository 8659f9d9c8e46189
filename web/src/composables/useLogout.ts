import { useRouter } from 'vue-router'
import { useSession } from '@/stores/session'

export function useLogout() {
  const session = useSession()
  const router = useRouter()
  return async () => {
    await session.logout()
    await router.replace({ name: 'login' })
  }
}
